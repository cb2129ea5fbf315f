/** Removing what a machine has too much of, the oldest first, a little at a time: on SQLite everybody waits for a transaction. */

import { sql } from "kysely";
import type { RunHead } from "../quota/quota.ts";
import { lock } from "./lock.ts";
import type { Database } from "./schema.ts";
import { addUsage, eventOverheadBytes } from "./usage.ts";

/** Events that are removed by one transaction. */
const eventsAtOnce = 2000;
/** Runs that are looked at for it, or removed. */
const runsAtOnce = 100;

export interface Removed {
  readonly events: number;
  readonly runs: number;
}

/** Of a machine, in no order. */
export async function runHeads(database: Database, machineId: string): Promise<RunHead[]> {
  const rows = await database
    .selectFrom("runs")
    .select(["run_id", "verb", "job", "volume", "state", "started_ms"])
    .where("machine_id", "=", machineId)
    .execute();
  return rows.map(({ run_id, started_ms, ...run }) => ({ ...run, runId: run_id, startedMs: started_ms }));
}

/** Those by which it is judged how a machine's jobs stand. */
export async function toldRuns(database: Database, machineId: string): Promise<Set<string>> {
  const rows = await database
    .selectFrom("job_states")
    .select("last_run_id")
    .where("machine_id", "=", machineId)
    .execute();
  return new Set(rows.flatMap(({ last_run_id }) => last_run_id ?? []));
}

/** Some of a machine's oldest events, of `bytes` and a little more at the most. @returns what they were; none: there are none */
export async function removeOldestEvents(
  transaction: Database,
  machineId: string,
  bytes: number,
): Promise<{ events: number; bytes: number }> {
  await lock(transaction, "retention");
  const runs = await transaction
    .selectFrom("runs")
    .select("run_id")
    .where("machine_id", "=", machineId)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("run_events")
          .select(sql<number>`1`.as("one"))
          .whereRef("run_events.machine_id", "=", "runs.machine_id")
          .whereRef("run_events.run_id", "=", "runs.run_id"),
      ),
    )
    .orderBy("started_ms")
    .orderBy("run_id")
    .limit(runsAtOnce)
    .execute();
  const gone = { events: 0, bytes: 0 };
  for (const { run_id } of runs) {
    if (gone.events >= eventsAtOnce || gone.bytes >= bytes) break;
    const some = await removeFirstEvents(
      transaction,
      machineId,
      run_id,
      eventsAtOnce - gone.events,
      bytes - gone.bytes,
    );
    gone.events += some.events;
    gone.bytes += some.bytes;
  }
  await addUsage(transaction, [{ machineId, eventBytes: -gone.bytes, runs: 0 }]);
  return gone;
}

/** The first of these runs, with their events. @returns how many, and which of them are left */
export async function removeTheseRuns(
  transaction: Database,
  machineId: string,
  runIds: readonly string[],
): Promise<Removed & { readonly rest: readonly string[] }> {
  await lock(transaction, "retention");
  const gone = { events: 0, bytes: 0, runs: 0 };
  let done = 0;
  for (const runId of runIds.slice(0, runsAtOnce)) {
    const limit = eventsAtOnce - gone.events;
    const some = await removeFirstEvents(transaction, machineId, runId, limit, Number.POSITIVE_INFINITY);
    gone.events += some.events;
    gone.bytes += some.bytes;
    // it may have more
    if (some.events === limit) break;
    const { numDeletedRows } = await transaction
      .deleteFrom("runs")
      .where("machine_id", "=", machineId)
      .where("run_id", "=", runId)
      .executeTakeFirst();
    gone.runs += Number(numDeletedRows);
    done += 1;
  }
  await addUsage(transaction, [{ machineId, eventBytes: -gone.bytes, runs: -gone.runs }]);
  return { events: gone.events, runs: gone.runs, rest: runIds.slice(done) };
}

async function removeFirstEvents(
  transaction: Database,
  machineId: string,
  runId: string,
  mostEvents: number,
  bytes: number,
): Promise<{ events: number; bytes: number }> {
  const rows = await transaction
    .selectFrom("run_events")
    .select(["seq", sql<number>`length(event)`.as("bytes")])
    .where("machine_id", "=", machineId)
    .where("run_id", "=", runId)
    .orderBy("seq")
    .limit(mostEvents)
    .execute();
  let sum = 0;
  const enough = rows.findIndex((row) => {
    sum += row.bytes + eventOverheadBytes;
    return sum >= bytes;
  });
  const those = enough < 0 ? rows : rows.slice(0, enough + 1);
  const last = those.at(-1);
  if (last === undefined) return { events: 0, bytes: 0 };
  await transaction
    .deleteFrom("run_events")
    .where("machine_id", "=", machineId)
    .where("run_id", "=", runId)
    .where("seq", "<=", last.seq)
    .execute();
  return { events: those.length, bytes: sum };
}

/** What there really is: somebody may have changed the tables by hand. */
export async function countUsage(transaction: Database, machineId: string): Promise<void> {
  await lock(transaction, "retention");
  const events = await transaction
    .selectFrom("run_events")
    .select(({ fn }) => [
      fn.countAll<number>().as("count"),
      fn.sum<number | null>(sql<number>`length(event)`).as("bytes"),
    ])
    .where("machine_id", "=", machineId)
    .executeTakeFirstOrThrow();
  const runs = await transaction
    .selectFrom("runs")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("machine_id", "=", machineId)
    .executeTakeFirstOrThrow();
  const event_bytes = Number(events.bytes ?? 0) + Number(events.count) * eventOverheadBytes;
  await transaction
    .updateTable("usage")
    .set({ event_bytes, runs: Number(runs.count) })
    .where("machine_id", "=", machineId)
    .execute();
}
