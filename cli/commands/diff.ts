import type { Command } from "commander";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { acceptRollback, addExamples, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobName } from "../names.ts";
import { snapshotOf } from "../snapshot-reference.ts";

interface Options {
  path?: string;
  content?: true;
  acceptRollback?: true;
}

export function addDiffCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("diff")
    .helpGroup(groups.backup)
    .summary("what differs between two snapshots")
    .description(
      "Lists what was added, removed and changed between two snapshots of JOB, in the order of the paths. Two names of " +
        "one file on the volume are the same; other files count as unchanged when size and time are, as for a backup, " +
        "and are read only with --content. Directories and links are not compared by their times.",
    )
    .argument("<job>", "the job", jobName)
    .argument("<before>", "the older snapshot, by name, its beginning, or a time", snapshotOf)
    .argument("[after]", "the newer one (default: the newest)", snapshotOf)
    .option("--path <path>", "only this, and what is below it; as it was on this machine, or in the snapshot")
    .option("--content", "read files of the same size, and compare what is in them")
    .option(...acceptRollback)
    .addHelpText("after", snapshotHelp)
    .action((job: string, before: string, after: string | undefined, options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showDifferences } = await import("../show/differences.ts");
        await showDifferences(session, {
          job,
          before,
          after: after ?? "",
          path: argumentBytes(options.path ?? "", readRawArguments()),
          content: options.content === true,
          acceptRollback: options.acceptRollback === true,
        });
      }),
    );
  addExamples(command, [
    ["luksmith diff home 2026-11-22", "what has changed since the last snapshot of that day"],
    ["luksmith diff home 2026-11-22 2026-11-23 --path /home/alice", "of alice, between two days"],
  ]);
}
