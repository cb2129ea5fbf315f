import type { Command } from "commander";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { acceptRollback, addExamples, detach, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  to: string;
  overwrite?: true;
  dryRun?: true;
  paths0From?: string;
  acceptRollback?: true;
  detach?: true;
}

export function addRestoreCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("restore")
    .helpGroup(groups.backup)
    .summary("get files back")
    .description(
      "Restores a snapshot, or the named files and directories of it, into the directory --to, and prints what it " +
        "did. A file that is there already is left alone unless --overwrite is given. Ctrl-C ends the watching, not " +
        "the restore.",
    )
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .argument("[path...]", "relative to the snapshot, or absolute as it was on this machine (default: everything)")
    .requiredOption("--to <dir>", "the directory to restore into; made when missing")
    .option("--overwrite", "replace files that are there already")
    .option("--dry-run", "say what would be restored, and change nothing")
    .option("--paths0-from <file>", "read paths from a file, a NUL after each; - is standard input")
    .option(...acceptRollback)
    .option(...detach)
    .addHelpText("after", snapshotHelp)
    .action(({ job, snapshot }: SnapshotReference, paths: string[], options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { readPathList, checkPathList } = await import("../path-list.ts");
        const { targetDirectory } = await import("../target-directory.ts");
        const raw = readRawArguments();
        const named = paths.map((path) => argumentBytes(path, raw));
        const listed = options.paths0From === undefined ? [] : await readPathList(options.paths0From);
        const request = {
          job,
          snapshot,
          paths: checkPathList([...named, ...listed]),
          target: targetDirectory(argumentBytes(options.to, raw)),
          overwrite: options.overwrite === true,
          dryRun: options.dryRun === true,
          acceptRollback: options.acceptRollback === true,
        };
        await session.run(() => session.agent.restore(request), { detach: options.detach === true });
      }),
    );
  addExamples(command, [
    ["luksmith restore home /home/alice/letter.txt --to /tmp/back", "one file of the newest snapshot"],
    ["luksmith restore home@2026-11-23 --to /srv/back", "everything, as it was at that day"],
    [
      "luksmith ls home -r --print0 | grep -z '\\.odt$' | luksmith restore home --paths0-from - --to back",
      "chosen by a filter",
    ],
  ]);
}
