import type { Command } from "commander";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { acceptRollback, addExamples, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";
import { writeContent } from "../write-content.ts";

interface Options {
  force?: true;
  acceptRollback?: true;
}

export function addCatCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("cat")
    .helpGroup(groups.backup)
    .summary("one file of a snapshot, to standard output")
    .description(
      "Writes what is in one file of a snapshot to standard output, and nothing else. Only with exit code 0 it was all of " +
        "it. What is not plain text is not written to a terminal, unless with --force.",
    )
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .argument("<path>", "relative to the snapshot, or absolute as it was on this machine")
    .option("--force", "to a terminal as well, whatever is in it")
    .option(...acceptRollback)
    .addHelpText("after", snapshotHelp)
    .action((from: SnapshotReference, path: string, options: Options, self: Command) =>
      withSession(invocation, self, (session) =>
        writeContent(session, from, argumentBytes(path, readRawArguments()), options),
      ),
    );
  addExamples(command, [
    ["luksmith cat home /etc/fstab | diff - /etc/fstab", "what has changed in a file since the newest snapshot"],
    ["luksmith cat home@2026-11-22 /srv/db.dump | pg_restore -d db", "without room for it on this machine's disk"],
  ]);
}
