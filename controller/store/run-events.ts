/** What happened in the runs. Many more than anything else here: written in batches, and gone first. */

import { sql } from "kysely";
import { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { inParts } from "./in-parts.ts";
import { listOf } from "./json-list.ts";
import { runKey } from "./runs.ts";
import type { Database } from "./schema.ts";
import { eventOverheadBytes, type Usage } from "./usage.ts";

export interface NewEvent {
  readonly machineId: string;
  readonly runId: string;
  readonly seq: number;
  /** luksmith.v1.RunEvent. */
  readonly event: Uint8Array;
}

/**
 * A run's events come in their order: what is not beyond the last that is there has been stored already, and stays as it is. Events
 * of runs that are not known are nobody's, and left out.
 * @returns what is kept more by it
 */
export async function addEvents(transaction: Database, events: readonly NewEvent[]): Promise<Usage[]> {
  const last = await lastSeqs(transaction, events);
  const fresh = events.filter((event) => {
    const before = last.get(runKey(event));
    if (before === undefined || event.seq <= before) return false;
    last.set(runKey(event), event.seq);
    return true;
  });
  const rows = fresh.map(({ machineId, runId, seq, event }) => ({ machine_id: machineId, run_id: runId, seq, event }));
  for (const part of inParts(rows, 4 * 8)) {
    await transaction
      .insertInto("run_events")
      .values(part)
      // by another controller, just now
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  return fresh.map(({ machineId, event }) => ({ machineId, eventBytes: event.length + eventOverheadBytes, runs: 0 }));
}

/** Of the runs that are known, by {@link runKey}: the number of its last event; 0: it has none. */
async function lastSeqs(database: Database, events: readonly NewEvent[]): Promise<Map<string, number>> {
  const runs = new Map(events.map((event) => [runKey(event), event]));
  if (runs.size === 0) return new Map();
  const list = listOf(
    database,
    ["text", "text"],
    [...runs.values()].map(({ machineId, runId }) => [machineId, runId]),
  );
  const { rows } = await sql<{ machine_id: string; run_id: string; last: number | null }>`select machine_id, run_id,
      (select max(seq) from run_events
        where run_events.machine_id = runs.machine_id and run_events.run_id = runs.run_id) as last
    from runs where (machine_id, run_id) in (select column1, column2 from ${list} as v)`.execute(database);
  return new Map(rows.map((row) => [runKey({ machineId: row.machine_id, runId: row.run_id }), row.last ?? 0]));
}

/** Those that come after `seq`, in their order. */
export async function eventsAfter(
  database: Database,
  machineId: string,
  runId: string,
  seq: number,
  limit: number,
): Promise<RunEvent[]> {
  const rows = await database
    .selectFrom("run_events")
    .select("event")
    .where("machine_id", "=", machineId)
    .where("run_id", "=", runId)
    .where("seq", ">", seq)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map(({ event }) => RunEvent.decode(event));
}
