import type { Command } from "commander";
import { scheduleName, selector } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import { countUpTo, jobName } from "../names.ts";
import { type Moment, pastMoment } from "../past-moment.ts";

interface Options {
  job?: string;
  schedule?: string;
  failed?: true;
  since?: Moment;
  limit: number;
}

/** As many as the controller tells of at once. */
const maxRuns = 1000;

export function addFleetRunsCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("runs")
    .summary("what was run on the machines, newest first")
    .description(
      "Lists runs of the fleet's machines, newest first: where, what, why, for how long, and what came of it.",
    )
    .argument("[selector]", "of these machines (default: all)", selector)
    .option("--job <name>", "of this job only", jobName)
    .option("--schedule <name>", "of this schedule only", scheduleName)
    .option("--failed", "only what did not succeed")
    .option("--since <time>", "not older than this: 2h, 2026-11-23 or 2026-11-23T02:00:00Z", pastMoment)
    .option("--limit <count>", "how many at most", countUpTo(maxRuns), 50)
    .action((which: string | undefined, options: Options, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { RunState } = await import("../../proto/gen/luksmith/v1/types.ts");
        const { showFleetRuns } = await import("../show/fleet-runs.ts");
        const { INCOMPLETE, FAILED, CANCELLED, INTERRUPTED } = RunState;
        await showFleetRuns(session, {
          selector: which ?? "",
          job: options.job ?? "",
          schedule: options.schedule ?? "",
          states: options.failed ? [INCOMPLETE, FAILED, CANCELLED, INTERRUPTED] : [],
          since: options.since?.before(session.clock.now()),
          limit: options.limit,
        });
      }),
    );
  addExamples(command, [
    ["luksmith fleet runs --failed --since 1d", "what went wrong since yesterday"],
    ["luksmith fleet runs env=prod --job home", "one job, on some machines"],
    ["luksmith fleet runs --schedule nightly --json", "for a program"],
  ]);
}
