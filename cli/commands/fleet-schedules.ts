import type { Command } from "commander";
import { scheduleName } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetSchedulesCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("schedules")
    .summary("which schedules there are")
    .description("Lists the schedules, or shows one as the YAML that luksmith fleet apply takes.")
    .argument("[name]", "the schedule whose YAML is shown", scheduleName)
    .action((name: string | undefined, _options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showSchedules } = await import("../show/fleet-schedules.ts");
        await showSchedules(session, name ?? "");
      }),
    );
  addExamples(command, [
    ["luksmith fleet schedules", "what happens when"],
    ["luksmith fleet schedules nightly > nightly.yaml", "to change it, and apply it again"],
  ]);
}
