import type { Command } from "commander";
import { addExamples, detach, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobName, snapshotName } from "../names.ts";

interface Options {
  partial?: true;
  snapshot?: string[];
  dryRun?: true;
  detach?: true;
}

export function addPruneCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("prune")
    .helpGroup(groups.backup)
    .summary("remove snapshots")
    .description(
      "Removes from JOB the snapshots that its `keep` does not keep, or, when something is named, what is named and " +
        "nothing else. There is no way back: --dry-run shows every snapshot with the rule that keeps it.",
    )
    .argument("<job>", "the job", jobName)
    .option("--partial", "the unfinished snapshot of an interrupted backup")
    .option(
      "--snapshot <name...>",
      "these snapshots, by their whole names (behind JOB, or each with its own --snapshot)",
      (name: string, before: string[] = []) => [...before, snapshotName(name)],
    )
    .option("--dry-run", "say what would be removed and what keeps the rest, and change nothing")
    .option(...detach)
    .action((job: string, options: Options, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(
          () =>
            session.agent.prune({
              job,
              partial: options.partial === true,
              snapshots: options.snapshot ?? [],
              dryRun: options.dryRun === true,
            }),
          { detach: options.detach === true },
        ),
      ),
    );
  addExamples(command, [
    ["luksmith prune home --dry-run", "which snapshots would go, and what keeps the others"],
    ["luksmith prune home", "remove what no rule keeps"],
    ["luksmith prune home --snapshot 2026-11-23T02-00-00Z", "one snapshot"],
    ["luksmith prune home --partial", "make room after a backup that filled the volume"],
  ]);
}
