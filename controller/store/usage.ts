/**
 * How much is kept for each machine: counted by whoever writes and removes it, in the same transaction, so that nobody has to look
 * through it. One row for each machine of a batch is what it costs.
 */

import { sql } from "kysely";
import { listOf } from "./json-list.ts";
import type { Database } from "./schema.ts";

export interface Usage {
  readonly machineId: string;
  /** Of the events of its runs. */
  readonly eventBytes: number;
  readonly runs: number;
}

/** An event's key, and what a row costs the database, as far as one can say for both: many empty events are not free. */
export const eventOverheadBytes = 64;

/** @param changes what has come, and below 0 what has gone @returns what there is now, of those machines */
export async function addUsage(transaction: Database, changes: readonly Usage[]): Promise<Usage[]> {
  const rows = sums(changes);
  if (rows.length === 0) return [];
  const list = listOf(
    transaction,
    ["text", "bigint", "bigint"],
    rows.map(({ machineId, eventBytes, runs }) => [machineId, eventBytes, runs]),
  );
  // SQLite would take what comes after "on" for a part of the join (https://www.sqlite.org/lang_upsert.html, 2.2)
  const now = await sql<{ machine_id: string; event_bytes: number; runs: number }>`insert into usage
    (machine_id, event_bytes, runs) select column1, column2, column3 from ${list} as v where true
    on conflict (machine_id) do update
      set event_bytes = usage.event_bytes + excluded.event_bytes, runs = usage.runs + excluded.runs
    returning machine_id, event_bytes, runs`.execute(transaction);
  return now.rows.map(({ machine_id, event_bytes, runs }) => ({
    machineId: machine_id,
    eventBytes: event_bytes,
    runs,
  }));
}

/** One for each machine, in an order: two controllers that write about the same two machines then wait, and do not stop one another. */
function sums(changes: readonly Usage[]): Usage[] {
  const byMachine = new Map<string, Usage>();
  for (const { machineId, eventBytes, runs } of changes) {
    const before = byMachine.get(machineId);
    byMachine.set(machineId, {
      machineId,
      eventBytes: (before?.eventBytes ?? 0) + eventBytes,
      runs: (before?.runs ?? 0) + runs,
    });
  }
  return [...byMachine.values()]
    .filter(({ eventBytes, runs }) => eventBytes !== 0 || runs !== 0)
    .sort((a, b) => (a.machineId < b.machineId ? -1 : 1));
}

export async function usageOf(database: Database, machineId: string): Promise<Usage> {
  const row = await database.selectFrom("usage").selectAll().where("machine_id", "=", machineId).executeTakeFirst();
  return { machineId, eventBytes: row?.event_bytes ?? 0, runs: row?.runs ?? 0 };
}
