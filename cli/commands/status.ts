import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";

export function addStatusCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("status")
    .helpGroup(groups.watching)
    .summary("what runs now, and when each job was last backed up")
    .description("Shows the agent, what runs now, and when each job was last backed up.")
    .action((_options: unknown, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showStatus } = await import("../show/status.ts");
        await showStatus(session);
      }),
    );
  addExamples(command, [
    ["luksmith status", "is everything backed up?"],
    ["luksmith status --json | jq '.jobs[] | {job, last: .lastGood.finishedAt}'", "the last good backup of each job"],
  ]);
}
