import type { Command } from "commander";
import { runReference } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetCancelCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("cancel")
    .summary("end a run, or all that was started at once")
    .description(
      "Asks the machine to end RUN, as luksmith cancel does there. With the id that luksmith fleet run has printed: on " +
        "all machines; where it has not begun, it does not begin any more.",
    )
    .argument("<run>", "MACHINE/RUN, MACHINE/last, or an id of luksmith fleet dispatches", runReference)
    .action((run: string, _options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { cancelFleetRun } = await import("../show/fleet-runs.ts");
        await cancelFleetRun(session, run);
      }),
    );
  addExamples(command, [
    ["luksmith fleet cancel web01/last", "what web01 does now"],
    ["luksmith fleet cancel b4k2", "all that was asked for at once"],
  ]);
}
