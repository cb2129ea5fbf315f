import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { acceptRollback, addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { duration } from "../names.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  idle?: number;
  end?: true;
  acceptRollback?: true;
  detach?: true;
}

export function addBrowseCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("browse")
    .helpGroup(groups.backup)
    .summary("look through snapshots as through a directory")
    .description(
      "Shows the snapshots of a job, or one of them, in a directory that nobody else can enter, and prints where it is. " +
        "Files have the owners and modes that they had; nothing can be changed or run there, and symbolic links are not " +
        "followed. Ctrl-C ends it, and so does --end, or that nobody has used it for a while; programs that are still in " +
        "it are ended then. The volume is in use meanwhile: a backup into it is refused.",
    )
    .argument("[snapshot]", "JOB for all its snapshots, or JOB@SNAPSHOT for one", parseSnapshotReference)
    .option("--idle <time>", "end it when nobody has used it for so long, 1s to 24h (default: 30m)", duration)
    .option("--end", "end the one that is open (of JOB, if more than one is)")
    .option(...acceptRollback)
    .option("--detach", "return when it is open, and leave it so")
    .action((reference: SnapshotReference | undefined, options: Options, self: Command) => {
      if (options.end) {
        for (const name of ["idle", "acceptRollback", "detach"] as const) {
          if (options[name] !== undefined) throw new LuksmithError("usage", "--end takes no other options");
        }
        if (reference !== undefined && reference.snapshot !== "") {
          throw new LuksmithError("usage", "a browse is ended by its job", {
            hint: `luksmith browse --end ${reference.job}`,
          });
        }
      } else if (reference === undefined) {
        throw new LuksmithError("usage", "which job is to be browsed?", { hint: "luksmith jobs lists them" });
      }
      return withSession(invocation, self, async (session) => {
        const { endBrowse, openBrowse } = await import("../show/browse.ts");
        const { job, snapshot } = reference ?? { job: "", snapshot: "" };
        if (options.end) return endBrowse(session, job);
        const request = {
          job,
          snapshot,
          idleMs: options.idle ?? 0,
          acceptRollback: options.acceptRollback === true,
        };
        return openBrowse(session, request, options.detach === true);
      });
    });
  addExamples(command, [
    ["luksmith browse home", "all snapshots of the job home, until Ctrl-C"],
    ["luksmith browse home@2026-11-23 --idle 5m", "one snapshot, until five minutes after its last use"],
    ["cd $(luksmith browse home@latest --detach)", "from a script, or to stay in the same shell"],
    ["luksmith browse --end", "and away with it"],
  ]);
}
