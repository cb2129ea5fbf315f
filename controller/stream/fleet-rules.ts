/** What others decide about machines, and the streams go by. */

import type { NewTrust, Schedules, Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { MachineHead } from "../store/machines.ts";

export interface PermitLimits {
  /** Of one schedule's runs at once, on all machines; undefined: any number. */
  readonly fleet: number | undefined;
  /** Of runs at once on one backup host. */
  readonly perBackupHost: number | undefined;
  /** How long a run of it may take; undefined: nobody has said. */
  readonly deadlineMs?: number | undefined;
}

export interface FleetRules {
  /** The schedules as they are now, read once for many machines; what it returns is pure. */
  assignments(): Promise<(machine: MachineHead) => Schedules>;
  /** By name of the schedule; what is not in it has no limits. */
  permitLimits(): Promise<ReadonlyMap<string, PermitLimits>>;
  /** Read once for many machines; what it returns is pure: what one that trusts these is to be told; undefined: nothing. */
  trustOrders(): Promise<(trust: Trust) => NewTrust | undefined>;
}
