/** The names that the controller knows, for completion: quickly, and without a word when it is away. */

import { MachineState } from "../../proto/gen/luksmith/v1/controller.ts";
import { ControllerClient } from "../fleet/controller-client.ts";
import { readCredential } from "../fleet/credential.ts";
import { labelsText } from "../fleet/text.ts";
import type { FleetNames } from "./names.ts";

/** A shell hangs for so long at most when somebody presses TAB; a TLS handshake is part of it. */
const patienceMs = 1500;

export async function fleetNames(credentialFile: string): Promise<FleetNames> {
  const none = { machines: [], machineJobs: [], schedules: [] };
  const giveUp = AbortSignal.timeout(patienceMs);
  const late = new Promise<FleetNames>((resolve) => giveUp.addEventListener("abort", () => resolve(none)));
  try {
    const fleet = new ControllerClient(await readCredential(credentialFile), giveUp);
    try {
      const known = namesOf(fleet);
      known.catch(() => undefined);
      return await Promise.race([known, late]);
    } finally {
      fleet.close();
    }
  } catch {
    return none;
  }
}

async function namesOf(fleet: ControllerClient): Promise<FleetNames> {
  const [{ machines }, { schedules }] = await Promise.all([
    fleet.listMachines({ selector: "", jobs: true }),
    fleet.listSchedules(),
  ]);
  const jobs = new Set(machines.flatMap((machine) => machine.jobs.map(({ job }) => job)));
  // what a machine that tells of none is expected to have
  jobs.delete("*");
  return {
    machines: machines.map(({ name, id, labels, state, hostname }) => ({
      value: name || id,
      description: state === MachineState.PENDING ? `waits to be accepted: ${hostname}` : labelsText(labels),
    })),
    machineJobs: [...jobs].sort().map((value) => ({ value, description: "" })),
    schedules: schedules.map(({ name, selector }) => ({ value: name, description: selector })),
  };
}
