import type { Command } from "commander";
import { acceptRollback, addExamples, detach, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  acceptRollback?: true;
  detach?: true;
}

export function addVerifyCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("verify")
    .helpGroup(groups.backup)
    .summary("compare a snapshot with its source")
    .description(
      "Reads a snapshot back and compares the content of every file that has not changed since with its source. Says " +
        "how many are equal, and which differ.",
    )
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .option(...acceptRollback)
    .option(...detach)
    .addHelpText("after", snapshotHelp)
    .action(({ job, snapshot }: SnapshotReference, options: Options, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(() => session.agent.verify({ job, snapshot, acceptRollback: options.acceptRollback === true }), {
          detach: options.detach === true,
        }),
      ),
    );
  addExamples(command, [["luksmith verify home", "is the newest snapshot of the job home what is on the disk?"]]);
}
