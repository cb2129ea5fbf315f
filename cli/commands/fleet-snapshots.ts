import type { Command } from "commander";
import { machineName } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import { jobName } from "../names.ts";

export function addFleetSnapshotsCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("snapshots")
    .summary("which snapshots a machine has")
    .description(
      "Asks the machine for the snapshots of JOB, if it allows that. It opens the volume for it, which takes some seconds.",
    )
    .argument("<machine>", "its name", machineName)
    .argument("<job>", "the job", jobName)
    .action((machine: string, job: string, _options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showFleetSnapshots } = await import("../show/fleet-files.ts");
        await showFleetSnapshots(session, machine, job);
      }),
    );
  addExamples(command, [["luksmith fleet snapshots web01 home", "the snapshots of the job home of web01"]]);
}
