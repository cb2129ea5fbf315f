import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { runId } from "../names.ts";

export function addLogCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("log")
    .helpGroup(groups.watching)
    .summary("what happened in a run, step by step")
    .description(
      "Shows the events of RUN from its beginning. With --follow it goes on until the run ends, and exits as the run " +
        "did; Ctrl-C ends the watching, not the run.",
    )
    .argument("<run>", "its id, the beginning of it, or last", runId)
    .option("-f, --follow", "go on until the run ends")
    .action((run: string, options: { follow?: true }, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showLog } = await import("../show/log.ts");
        await showLog(session, run, options.follow === true);
      }),
    );
  addExamples(command, [
    ["luksmith log last", "the newest run"],
    ["luksmith log last --follow", "watch it from a second terminal"],
  ]);
}
