import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { acceptRollback, addExamples, detach, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import type { Session } from "../session.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";
import { writeContent } from "../write-content.ts";

interface Options {
  to?: string;
  stdout?: true;
  force?: true;
  overwrite?: true;
  delete?: true;
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
        "the restore; one that was cut short goes on where it was when the same command is typed again. With --stdout it writes one file to standard output instead, as `luksmith cat` does.",
    )
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .argument("[path...]", "relative to the snapshot, or absolute as it was on this machine (default: everything)")
    .option("--to <dir>", "the directory to restore into; made when missing")
    .option("--stdout", "one file, to standard output")
    .option("--force", "with --stdout: to a terminal as well, whatever is in it")
    .option("--overwrite", "replace files that are there already")
    .option("--delete", "with --overwrite: make the directories equal to the snapshot, and remove what is not in it")
    .option("--dry-run", "say what would be restored, and change nothing")
    .option("--paths0-from <file>", "read paths from a file, a NUL after each; - is standard input")
    .option(...acceptRollback)
    .option(...detach)
    .addHelpText("after", snapshotHelp)
    .action((from: SnapshotReference, paths: string[], options: Options, self: Command) => {
      if (options.stdout === true) {
        const path = onlyPath(from, paths, options);
        return withSession(invocation, self, (session) => writeContent(session, from, path, options));
      }
      const to = targetOf(from, options);
      return withSession(invocation, self, (session) => toDirectory(session, from, paths, { ...options, to }));
    });
  addExamples(command, [
    ["luksmith restore home /home/alice/letter.txt --to /tmp/back", "one file of the newest snapshot"],
    ["luksmith restore home@2026-11-23 --to /srv/back", "everything, as it was at that day"],
    [
      "luksmith restore home /srv/site --to / --overwrite --delete --dry-run",
      "what it takes to make /srv/site what it was",
    ],
    [
      "luksmith ls home -r --print0 | grep -z '\\.odt$' | luksmith restore home --paths0-from - --to back",
      "chosen by a filter",
    ],
  ]);
}

/** @throws {LuksmithError} "usage" */
function onlyPath({ job }: SnapshotReference, paths: readonly string[], options: Options): Buffer {
  const [path] = paths;
  const { to, overwrite, delete: deletes, dryRun, paths0From, detach: detaches } = options;
  const others = [to, overwrite, deletes, dryRun, paths0From, detaches];
  if (path !== undefined && paths.length === 1 && others.every((option) => option === undefined)) {
    return argumentBytes(path, readRawArguments());
  }
  throw new LuksmithError("usage", "--stdout takes one file, and nothing that is about a directory", {
    hint: `luksmith restore ${job} PATH --stdout`,
  });
}

/** @throws {LuksmithError} "usage" */
function targetOf({ job }: SnapshotReference, options: Options): string {
  if (options.to === undefined) {
    throw new LuksmithError("usage", "say where to restore: --to DIR", {
      hint: `luksmith restore ${job} --to DIR; one file goes to standard output with --stdout`,
    });
  }
  if (options.to === "-") {
    throw new LuksmithError("usage", "- is no directory", {
      hint: `one file goes to standard output with luksmith restore ${job} PATH --stdout; a directory of that name is ./-`,
    });
  }
  if (options.force === true) {
    throw new LuksmithError("usage", "--force is about --stdout", {
      hint: "--overwrite replaces what is there already",
    });
  }
  if (options.delete === true && options.overwrite !== true) {
    throw new LuksmithError("usage", "--delete needs --overwrite: what is there already is replaced", {
      hint: "--delete --overwrite --dry-run shows what would be removed and replaced",
    });
  }
  return options.to;
}

async function toDirectory(
  session: Session,
  { job, snapshot }: SnapshotReference,
  paths: readonly string[],
  options: Options & { readonly to: string },
): Promise<void> {
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
    delete: options.delete === true,
    dryRun: options.dryRun === true,
    acceptRollback: options.acceptRollback === true,
  };
  await session.run(() => session.agent.restore(request), { detach: options.detach === true });
}
