import type { Command } from "commander";
import { operatorName } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import { countUpTo } from "../names.ts";
import { type Moment, pastMoment } from "../past-moment.ts";

interface Options {
  operator?: string;
  since?: Moment;
  limit: number;
}

/** As many as the controller tells of at once. */
const maxEntries = 1000;

export function addFleetAuditCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("audit")
    .summary("what operators did, and tried to")
    .description("Shows what operators asked of the controller and whether it was allowed; the newest last.")
    .option("--operator <name>", "of this operator only", operatorName)
    .option("--since <time>", "not older than this: 2h, 2026-11-23 or 2026-11-23T02:00:00Z", pastMoment)
    .option("--limit <count>", "the newest so many", countUpTo(maxEntries), 100)
    .action((options: Options, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showFleetAudit } = await import("../show/fleet-audit.ts");
        await showFleetAudit(session, {
          operator: options.operator ?? "",
          since: options.since?.before(session.clock.now()),
          limit: options.limit,
        });
      }),
    );
  addExamples(command, [
    ["luksmith fleet audit --since 1d", "since yesterday"],
    ["luksmith fleet audit --operator alice --json", "what alice did, for a program"],
  ]);
}
