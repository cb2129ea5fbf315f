/** What is kept for how long. Removed in small parts: on SQLite everybody waits for a transaction. */

import { sql } from "kysely";
import { RunState, runStateToJSON, Verb, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import { finalStates } from "./dispatches.ts";
import { lock } from "./lock.ts";
import type { Database } from "./schema.ts";
import { addUsage, eventOverheadBytes, type Usage } from "./usage.ts";

/** Runs whose events, or which themselves, are removed by one transaction. */
const runsAtOnce = 100;

/** Where to go on: a run, by its start. */
export interface Place {
  readonly startedMs: number;
  readonly machineId: string;
  readonly runId: string;
}

export const beginning: Place = { startedMs: Number.MIN_SAFE_INTEGER, machineId: "", runId: "" };

/** Events of runs that began before that and are over. @returns where the next part begins; undefined: that was all */
export async function removeEvents(transaction: Database, beforeMs: number, after: Place): Promise<Place | undefined> {
  // what is removed is counted, by one controller
  await lock(transaction, "retention");
  const runs = await oldRuns(transaction, beforeMs, after);
  const gone: Usage[] = [];
  for (const { machineId, runId, state } of runs) {
    if (state === runStateToJSON(RunState.RUNNING)) continue;
    gone.push(await removeEventsOf(transaction, machineId, runId));
  }
  await addUsage(transaction, gone);
  return runs.length < runsAtOnce ? undefined : runs.at(-1);
}

/**
 * Runs that began before that, with their events; the newest good backup of each job stays for ever.
 * @returns as {@link removeEvents}
 */
export async function removeRuns(transaction: Database, beforeMs: number, after: Place): Promise<Place | undefined> {
  await lock(transaction, "retention");
  const runs = await oldRuns(transaction, beforeMs, after);
  const gone: Usage[] = [];
  for (const run of runs) {
    if (await isNewestGood(transaction, run)) continue;
    gone.push({ ...(await removeEventsOf(transaction, run.machineId, run.runId)), runs: -1 });
    await transaction
      .deleteFrom("runs")
      .where("machine_id", "=", run.machineId)
      .where("run_id", "=", run.runId)
      .execute();
  }
  await addUsage(transaction, gone);
  return runs.length < runsAtOnce ? undefined : runs.at(-1);
}

/** Those of which nothing becomes any more. */
export async function removeDispatches(database: Database, beforeMs: number): Promise<void> {
  await database
    .deleteFrom("dispatches")
    .where("state", "in", finalStates)
    .where("changed_ms", "<", beforeMs)
    .execute();
}

interface OldRun extends Place {
  readonly job: string;
  readonly verb: string;
  readonly state: string;
}

async function oldRuns(database: Database, beforeMs: number, after: Place): Promise<OldRun[]> {
  const rows = await database
    .selectFrom("runs")
    .select(["machine_id", "run_id", "started_ms", "job", "verb", "state"])
    .where("started_ms", "<", beforeMs)
    .where(({ eb, or, and }) =>
      or([
        eb("started_ms", ">", after.startedMs),
        and([eb("started_ms", "=", after.startedMs), eb("machine_id", ">", after.machineId)]),
        and([
          eb("started_ms", "=", after.startedMs),
          eb("machine_id", "=", after.machineId),
          eb("run_id", ">", after.runId),
        ]),
      ]),
    )
    .orderBy("started_ms")
    .orderBy("machine_id")
    .orderBy("run_id")
    .limit(runsAtOnce)
    .execute();
  return rows.map(({ machine_id, run_id, started_ms, ...run }) => ({
    ...run,
    startedMs: started_ms,
    machineId: machine_id,
    runId: run_id,
  }));
}

const goodStates = [RunState.DONE, RunState.INCOMPLETE].map(runStateToJSON);

async function isNewestGood(database: Database, run: OldRun): Promise<boolean> {
  if (run.verb !== verbToJSON(Verb.BACKUP) || !goodStates.includes(run.state)) return false;
  const newer = await database
    .selectFrom("runs")
    .select("run_id")
    .where("machine_id", "=", run.machineId)
    .where("started_ms", ">", run.startedMs)
    .where("job", "=", run.job)
    .where("verb", "=", run.verb)
    .where("state", "in", goodStates)
    .limit(1)
    .executeTakeFirst();
  return newer === undefined;
}

/** @returns what is kept less by it */
async function removeEventsOf(database: Database, machineId: string, runId: string): Promise<Usage> {
  const { count, bytes } = await database
    .selectFrom("run_events")
    .select(({ fn }) => [
      fn.countAll<number>().as("count"),
      fn.sum<number | null>(sql<number>`length(event)`).as("bytes"),
    ])
    .where("machine_id", "=", machineId)
    .where("run_id", "=", runId)
    .executeTakeFirstOrThrow();
  if (Number(count) === 0) return { machineId, eventBytes: 0, runs: 0 };
  await database.deleteFrom("run_events").where("machine_id", "=", machineId).where("run_id", "=", runId).execute();
  return { machineId, eventBytes: -(Number(bytes ?? 0) + Number(count) * eventOverheadBytes), runs: 0 };
}
