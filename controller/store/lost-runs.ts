/** Runs under way of which nobody will hear: their machine is revoked, or has been away for too long. */

import { RunReport } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, RunState, runStateToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import { followDispatches } from "./dispatches.ts";
import { advanceJobs } from "./job-states.ts";
import type { Database } from "./schema.ts";

export interface LostRun {
  readonly machineId: string;
  readonly runId: string;
  readonly report: RunReport;
  readonly isRevoked: boolean;
  /** When the machine was heard of last. */
  readonly seenMs: number;
}

const running = runStateToJSON(RunState.RUNNING);

/** @param seenBeforeMs machines that are not connected, and were heard of last before that @param machineId of that one alone */
export async function findLostRuns(
  database: Database,
  seenBeforeMs: number,
  limit: number,
  machineId?: string,
): Promise<LostRun[]> {
  const rows = await database
    .selectFrom("runs")
    .innerJoin("machines", "machines.id", "runs.machine_id")
    .select(({ fn }) => [
      "runs.machine_id",
      "runs.run_id",
      "runs.report",
      "machines.state",
      fn.coalesce("machines.last_seen_ms", "machines.enrolled_ms").as("seen_ms"),
    ])
    .where("runs.state", "=", running)
    .where(({ eb, or, and, fn }) =>
      or([
        eb("machines.state", "=", "revoked"),
        and([
          eb("machines.controller_id", "is", null),
          eb(fn.coalesce("machines.last_seen_ms", "machines.enrolled_ms"), "<", seenBeforeMs),
        ]),
      ]),
    )
    .$if(machineId !== undefined, (query) => query.where("runs.machine_id", "=", machineId ?? ""))
    .limit(limit)
    .execute();
  return rows.map(({ machine_id, run_id, report, state, seen_ms }) => ({
    machineId: machine_id,
    runId: run_id,
    report: RunReport.decode(report),
    isRevoked: state === "revoked",
    seenMs: seen_ms,
  }));
}

export interface GivenUp {
  readonly runs: readonly LostRun[];
  /** Of the dispatches that they were for. */
  readonly batches: readonly string[];
}

/**
 * They end, as far as is known; what their machines report later counts nevertheless. To be called in a transaction.
 * @param endOf what it becomes @returns those that had not ended meanwhile
 */
export async function giveUpRuns(
  transaction: Database,
  lost: readonly LostRun[],
  endOf: (lost: LostRun) => Run | undefined,
  nowMs: number,
): Promise<GivenUp> {
  const runs: LostRun[] = [];
  for (const each of lost) {
    const run = endOf(each);
    const report: RunReport = { ...each.report, run };
    const { numUpdatedRows } = await transaction
      .updateTable("runs")
      .set({
        state: runStateToJSON(run?.state ?? RunState.INTERRUPTED),
        finished_ms: nowMs,
        report: RunReport.encode(report).finish(),
      })
      .where("machine_id", "=", each.machineId)
      .where("run_id", "=", each.runId)
      .where("state", "=", running)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) runs.push({ ...each, report });
  }
  await advanceJobs(transaction, runs, nowMs);
  const followed = runs.flatMap(({ machineId, runId, report: { cause } }) =>
    cause?.dispatchId ? [{ machineId, runId, dispatchId: cause.dispatchId, isOver: true }] : [],
  );
  return { runs, batches: await followDispatches(transaction, followed, nowMs) };
}
