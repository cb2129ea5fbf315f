import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { runId } from "../names.ts";

export function addCancelCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("cancel")
    .helpGroup(groups.watching)
    .summary("end a run")
    .description(
      "Asks RUN to end. It takes back first what it holds: mounts, mappings, connections. A backup that is cancelled " +
        "keeps what it has copied, and the next one goes on from there. Asked for the second time, it waits for nothing " +
        "any more, such as a hook or what is still to be written.",
    )
    .argument("<run>", "its id, the beginning of it, or last", runId)
    .action((run: string, _options: unknown, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { cancelRun } = await import("../show/runs.ts");
        await cancelRun(session, run);
      }),
    );
  addExamples(command, [["luksmith cancel last", "end what was started last"]]);
}
