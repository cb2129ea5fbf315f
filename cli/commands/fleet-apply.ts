import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

interface Options {
  file: string;
  dryRun?: true;
  prune?: true;
  allMachines?: true;
  yes?: true;
}

export function addFleetApplyCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("apply")
    .summary("make the schedules those of a file")
    .description(
      "Makes the schedules what FILE says, and shows first what changes: + added, ~ changed, - deleted, = as it was. " +
        "What is not in the file is deleted with --prune alone, and not without a yes. Machines are sent their part at once, " +
        "or when they come back, and keep to it when no controller is there.",
    )
    .requiredOption("-f, --file <file>", "YAML (docs/fleet.md); - for standard input")
    .option("--dry-run", "show what would change, and change nothing")
    .option("--prune", "delete the schedules that are not in the file")
    .option("--all-machines", "a schedule may be about every machine")
    .option("-y, --yes", "delete without asking")
    .action((options: Options, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { readSchedules } = await import("../fleet/schedule-file.ts");
        const { applySchedules } = await import("../show/fleet-schedules.ts");
        await applySchedules(session, await readSchedules(options.file), {
          dryRun: options.dryRun === true,
          prune: options.prune === true,
          everyMachine: options.allMachines === true,
          yes: options.yes === true,
        });
      }),
    );
  addExamples(command, [
    ["luksmith fleet apply -f schedules.yaml --dry-run", "what would change?"],
    ["luksmith fleet apply -f schedules.yaml --prune", "the file is all there is"],
    ["luksmith fleet schedules nightly | luksmith fleet apply -f -", "one, as it was"],
  ]);
}
