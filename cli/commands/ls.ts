import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { acceptRollback, addExamples, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import type { FileFormat } from "../show/files.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  recursive?: true;
  long: boolean;
  numeric?: true;
  print0?: true;
  acceptRollback?: true;
}

function format({ print0, numeric, long }: Options): FileFormat {
  if (print0) return "names0";
  if (!long) return "names";
  return numeric ? "numeric" : "long";
}

export function addLsCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("ls")
    .helpGroup(groups.backup)
    .summary("the files in a snapshot")
    .description(
      "Lists a directory in a snapshot, or one file. Names that are more than plain text are quoted the way bash reads " +
        "them: $'...'.",
    )
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .argument("[path]", "relative to the snapshot, or absolute as it was on this machine (default: the top)")
    .option("-r, --recursive", "with everything below")
    .option("-l, --long", "with mode, owner, group, size and time, and where links point", true)
    .option("--no-long", "names only")
    .option("-n, --numeric", "owners and groups as numbers, not by the names that they have on this machine")
    .option("--print0", "names only, as they are, a NUL after each")
    .option(...acceptRollback)
    .addHelpText("after", snapshotHelp)
    .action(({ job, snapshot }: SnapshotReference, path: string | undefined, options: Options, self: Command) => {
      if (options.print0 && invocation.terminal.stdoutIsTerminal) {
        throw new LuksmithError("usage", "--print0 writes names as they are, which is nothing for a terminal", {
          hint: "send it to a file or a program",
        });
      }
      return withSession(invocation, self, async (session) => {
        const { showFiles } = await import("../show/files.ts");
        const request = {
          job,
          snapshot,
          path: argumentBytes(path ?? "", readRawArguments()),
          recursive: options.recursive === true,
          acceptRollback: options.acceptRollback === true,
        };
        await showFiles(session, request, format(options));
      });
    });
  addExamples(command, [
    ["luksmith ls home", "the top of the newest snapshot of the job home"],
    ["luksmith ls home@2026-11-23 /home/alice -r", "everything of alice in a snapshot of that day"],
    ["luksmith ls home -- -notes", "a name that begins with -"],
  ]);
}
