import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { countUpTo, jobName, volumeName } from "../names.ts";

interface Options {
  limit: number;
  job?: string;
  volume?: string;
}

/** As many as the agent tells of, and as fit in one message. */
const maxRuns = 1000;

export function addRunsCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("runs")
    .helpGroup(groups.watching)
    .summary("what was run, newest first")
    .description(
      "Lists what was run on this machine, newest first: what it did, when, for how long, and what came of it.",
    )
    .option("--limit <count>", "how many at most", countUpTo(maxRuns), 20)
    .option("--job <name>", "of this job only", jobName)
    .option("--volume <name>", "of this volume only", volumeName)
    .action((options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showRuns } = await import("../show/runs.ts");
        await showRuns(session, { limit: options.limit, job: options.job ?? "", volume: options.volume ?? "" });
      }),
    );
  addExamples(command, [
    ["luksmith runs --job home --limit 5", "the last five of the job home"],
    ["luksmith runs --json | jq -r 'select(.state == \"failed\") | .id'", "what failed"],
  ]);
}
