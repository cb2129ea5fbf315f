import type { Command } from "commander";
import { addExamples, detach, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

export function addTrimCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("trim")
    .helpGroup(groups.setup)
    .summary("give what is free in a volume back to the backup host")
    .description(
      "Tells the backup host which parts of the image are not used any more, so that it can use them for something else. " +
        "It needs luksmith-helper there, also when the volume is otherwise reached by sshfs. What is said in the end is what " +
        "the backup host got back.",
    )
    .argument("<volume>", "the volume", volumeName)
    .option("--dry-run", "say about how much it would be, and change nothing")
    .option(...detach)
    .action((volume: string, options: { dryRun?: true; detach?: true }, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(() => session.agent.trimVolume({ volume, dryRun: options.dryRun === true }), {
          detach: options.detach === true,
        }),
      ),
    );
  addExamples(command, [
    ["luksmith trim home", "after snapshots have been removed"],
    ["luksmith trim home --dry-run", "is it worth it"],
  ]);
}
