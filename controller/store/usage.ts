/**
 * How much is kept for each machine: counted by whoever writes and removes it, in the same transaction, so that nobody has to look
 * through it. One row for each machine of a batch is what it costs.
 */

import { sql } from "kysely";
import type { Database } from "./schema.ts";
import { inParts } from "./values-list.ts";

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
  const found: Usage[] = [];
  for (const part of inParts(sums(changes), 3)) {
    const rows = await transaction
      .insertInto("usage")
      .values(part.map(({ machineId, eventBytes, runs }) => ({ machine_id: machineId, event_bytes: eventBytes, runs })))
      .onConflict((conflict) =>
        conflict.column("machine_id").doUpdateSet({
          event_bytes: sql<number>`usage.event_bytes + excluded.event_bytes`,
          runs: sql<number>`usage.runs + excluded.runs`,
        }),
      )
      .returningAll()
      .execute();
    for (const { machine_id, event_bytes, runs } of rows)
      found.push({ machineId: machine_id, eventBytes: event_bytes, runs });
  }
  return found;
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
