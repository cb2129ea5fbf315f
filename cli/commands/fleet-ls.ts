import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { machineName } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import type { FileFormat } from "../show/files.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  recursive?: true;
  long: boolean;
  numeric?: true;
  print0?: true;
}

function format({ print0, numeric, long }: Options): FileFormat {
  if (print0) return "names0";
  if (!long) return "names";
  return numeric ? "numeric" : "long";
}

export function addFleetLsCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("ls")
    .summary("the files in a snapshot of a machine")
    .description(
      "Asks the machine for a directory in a snapshot, or one file: names, sizes and owners, never what is in a file. The " +
        "machine answers only if its configuration has ls in `controller.allow`, which it has not by itself.",
    )
    .argument("<machine>", "its name", machineName)
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .argument("[path]", "relative to the snapshot, or absolute as it was on the machine (default: the top)")
    .option("-r, --recursive", "with everything below")
    .option("-l, --long", "with mode, owner, group, size and time, and where links point", true)
    .option("--no-long", "names only")
    .option("-n, --numeric", "owners and groups as numbers")
    .option("--print0", "names only, as they are, a NUL after each")
    .action(
      (
        machine: string,
        { job, snapshot }: SnapshotReference,
        path: string | undefined,
        options: Options,
        self: Command,
      ) => {
        if (options.print0 && invocation.terminal.stdoutIsTerminal) {
          throw new LuksmithError("usage", "--print0 writes names as they are, which is nothing for a terminal", {
            hint: "send it to a file or a program",
          });
        }
        return withFleet(invocation, self, async (session) => {
          const { showFleetFiles } = await import("../show/fleet-files.ts");
          const bytes = argumentBytes(path ?? "", readRawArguments());
          const asked = { machine, job, snapshot, path: bytes, recursive: options.recursive === true };
          await showFleetFiles(session, asked, format(options));
        });
      },
    );
  addExamples(command, [
    ["luksmith fleet ls web01 home /home/alice", "a directory in the newest snapshot"],
    ["luksmith fleet ls web01 home@2026-11-23 -r", "everything in one of that day"],
  ]);
}
