/** Which controllers serve the fleet: each has a row, and says now and then that it lives. */

import type { Database } from "./schema.ts";

export interface ControllerRow {
  readonly id: string;
  /** Where agents, operators and the other controllers reach it, as "host:port". */
  readonly address: string;
  readonly version: string;
  readonly startedMs: number;
  readonly seenMs: number;
}

/** Anew for each start: whoever had the id before is not there any more. */
export async function beginController(
  database: Database,
  { id, address, version, startedMs }: ControllerRow,
): Promise<void> {
  const row = { id, address, version, started_ms: startedMs, seen_ms: startedMs };
  const { id: _id, ...rest } = row;
  await database
    .insertInto("controllers")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doUpdateSet(rest))
    .execute();
}

/** @returns false when the others have forgotten it meanwhile */
export async function seeController(database: Database, id: string, nowMs: number): Promise<boolean> {
  const updated = await database
    .updateTable("controllers")
    .set({ seen_ms: nowMs })
    .where("id", "=", id)
    .executeTakeFirst();
  return updated.numUpdatedRows > 0n;
}

/** In the order of their ids. */
export async function listControllers(database: Database): Promise<ControllerRow[]> {
  const rows = await database.selectFrom("controllers").selectAll().orderBy("id").execute();
  return rows.map(({ id, address, version, started_ms, seen_ms }) => ({
    id,
    address,
    version,
    startedMs: started_ms,
    seenMs: seen_ms,
  }));
}

/** Those that have not been seen for so long, with whatever was theirs: machines count as away. @returns their ids */
export async function forgetControllers(database: Database, seenBeforeMs: number): Promise<string[]> {
  const gone = await database.deleteFrom("controllers").where("seen_ms", "<", seenBeforeMs).returning("id").execute();
  const ids = gone.map(({ id }) => id);
  if (ids.length > 0) {
    await database.updateTable("machines").set({ controller_id: null }).where("controller_id", "in", ids).execute();
  }
  return ids;
}
