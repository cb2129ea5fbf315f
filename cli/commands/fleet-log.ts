import type { Command } from "commander";
import { runReference } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetLogCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("log")
    .summary("what happened in a run on a machine, step by step")
    .description(
      "Shows the events of RUN from its beginning, as far as the controller has them. With --follow the machine tells the " +
        "rest as it happens, and the exit code is that of the run; Ctrl-C ends the watching, not the run. Names of files are " +
        "told only where the machine allows ls.",
    )
    .argument(
      "<run>",
      "MACHINE/RUN, MACHINE/last, or an id or the beginning of one that no other run has",
      runReference,
    )
    .option("-f, --follow", "go on until the run ends")
    .action((run: string, options: { follow?: true }, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showFleetLog } = await import("../show/fleet-log.ts");
        await showFleetLog(session, run, options.follow === true);
      }),
    );
  addExamples(command, [
    ["luksmith fleet log web01/last --follow", "watch what web01 does"],
    ["luksmith fleet log web01/7f3a", "a run as luksmith fleet runs shows it"],
  ]);
}
