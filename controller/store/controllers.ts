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

/** In the order of their ids. One that is revoked, and not ours any more, may go on saying that it lives: it is none of them. */
export async function listControllers(database: Database): Promise<ControllerRow[]> {
  const rows = await database
    .selectFrom("controllers")
    .selectAll()
    .where("id", "not in", (revoked) => revoked.selectFrom("revoked_controllers").select("id"))
    .orderBy("id")
    .execute();
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
  await letGoOfMachines(database, ids);
  return ids;
}

async function letGoOfMachines(database: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await database.updateTable("machines").set({ controller_id: null }).where("controller_id", "in", ids).execute();
}

export interface RevokedController {
  readonly id: string;
  readonly revokedMs: number;
  readonly revokedBy: string;
}

/** It is none of the fleet's from then on. In one transaction with what it has; afterwards notices of "certificate" and "authority". */
export async function revokeController(
  database: Database,
  { id, revokedMs, revokedBy }: RevokedController,
): Promise<void> {
  await database
    .insertInto("revoked_controllers")
    .values({ id, revoked_ms: revokedMs, revoked_by: revokedBy })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
  await database.deleteFrom("controllers").where("id", "=", id).execute();
  await letGoOfMachines(database, [id]);
}

/** In the order of their ids. */
export async function listRevokedControllers(database: Database): Promise<RevokedController[]> {
  const rows = await database.selectFrom("revoked_controllers").selectAll().orderBy("id").execute();
  return rows.map(({ id, revoked_ms, revoked_by }) => ({ id, revokedMs: revoked_ms, revokedBy: revoked_by }));
}

export async function isRevokedController(database: Database, id: string): Promise<boolean> {
  const row = await database.selectFrom("revoked_controllers").select("id").where("id", "=", id).executeTakeFirst();
  return row !== undefined;
}
