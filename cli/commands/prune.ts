import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { addExamples, detach, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobName, snapshotName } from "../names.ts";

interface Options {
  partial?: true;
  snapshot: string[];
  dryRun?: true;
  detach?: true;
}

export function addPruneCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("prune")
    .helpGroup(groups.backup)
    .summary("remove snapshots")
    .description("Removes from JOB what is named, and nothing else. There is no way back.")
    .argument("<job>", "the job", jobName)
    .option("--partial", "the unfinished snapshot of an interrupted backup")
    .option(
      "--snapshot <name...>",
      "these snapshots, by their whole names (behind JOB, or each with its own --snapshot)",
      (name: string, before: string[]) => [...before, snapshotName(name)],
      [],
    )
    .option("--dry-run", "say what would be removed, and change nothing")
    .option(...detach)
    .action((job: string, options: Options, self: Command) => {
      if (!options.partial && options.snapshot.length === 0) {
        throw new LuksmithError("usage", "say what to remove: --partial or --snapshot NAME", {
          hint: `luksmith snapshots ${job} lists what there is`,
        });
      }
      return withSession(invocation, self, (session) =>
        session.run(
          () =>
            session.agent.prune({
              job,
              partial: options.partial === true,
              snapshots: options.snapshot,
              dryRun: options.dryRun === true,
            }),
          { detach: options.detach === true },
        ),
      );
    });
  addExamples(command, [
    ["luksmith prune home --snapshot 2026-11-23T02-00-00Z", "one snapshot"],
    ["luksmith prune home --partial", "make room after a backup that filled the volume"],
  ]);
}
