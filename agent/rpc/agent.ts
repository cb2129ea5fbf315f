/** What the handlers work with. */

import type { Command } from "../../common/exec.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import type { Access, AuthorizedCaller } from "../access/access.ts";
import type { UserDatabase } from "../access/user-database.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Browses } from "../browse/browses.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { Requester } from "../runs/context.ts";
import type { RunManager } from "../runs/run-manager.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "../volume/pin.ts";

export interface Agent {
  readonly config: AgentConfig;
  readonly configPath: string;
  readonly host: Host;
  readonly pins: PinStore;
  readonly runs: RunManager;
  readonly access: Access;
  readonly audit: AuditLog;
  readonly users: UserDatabase;
  readonly browses: Browses;
  readonly startedAt: Date;
}

export function toCaller({ uid, name, granted, sees }: AuthorizedCaller): Requester {
  return { uid, name, granted, sees: (run) => sees(ofRun(run)) };
}

/** What the policy judges a run by: what it is about, and who began it. */
export function ofRun({ volume, job, caller }: Run): { volume: string; job?: string; startedBy: number } {
  const startedBy = caller?.uid ?? 0;
  return job === "" ? { volume, startedBy } : { volume, job, startedBy };
}

/** Whose rights a child that touches a caller's files works with: root's need no change. */
export function rightsOf({ uid, gid }: AuthorizedCaller): Command["as"] {
  return uid === 0 ? undefined : { uid, gid };
}
