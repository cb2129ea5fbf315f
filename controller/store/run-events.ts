/** What happened in the runs. Many more than anything else here: written in batches, and gone first. */

import { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import type { Database } from "./schema.ts";
import { inParts } from "./values-list.ts";

export interface NewEvent {
  readonly machineId: string;
  readonly runId: string;
  readonly seq: number;
  /** luksmith.v1.RunEvent. */
  readonly event: Uint8Array;
}

/** What is there already stays as it is; events of runs that are not known are nobody's, and left out. */
export async function addEvents(transaction: Database, events: readonly NewEvent[]): Promise<void> {
  const known = await knownRuns(transaction, events);
  const rows = events
    .filter((event) => known.has(keyOf(event)))
    .map(({ machineId, runId, seq, event }) => ({ machine_id: machineId, run_id: runId, seq, event }));
  for (const part of inParts(rows, 4 * 8)) {
    await transaction
      .insertInto("run_events")
      .values(part)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

async function knownRuns(database: Database, events: readonly NewEvent[]): Promise<Set<string>> {
  const keys = new Map(events.map((event) => [keyOf(event), event]));
  const known = new Set<string>();
  for (const part of inParts([...keys.values()], 2)) {
    const rows = await database
      .selectFrom("runs")
      .select(["machine_id", "run_id"])
      .where((where) =>
        where(
          where.refTuple("machine_id", "run_id"),
          "in",
          part.map(({ machineId, runId }) => where.tuple(machineId, runId)),
        ),
      )
      .execute();
    for (const { machine_id, run_id } of rows) known.add(keyOf({ machineId: machine_id, runId: run_id }));
  }
  return known;
}

function keyOf({ machineId, runId }: Pick<NewEvent, "machineId" | "runId">): string {
  return `${machineId} ${runId}`;
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
