/** Who may ask the controller for something, and for what. */

import type { Selectable } from "kysely";
import type { Database, Tables } from "./schema.ts";

export interface OperatorRow {
  readonly name: string;
  readonly role: Tables["operators"]["role"];
  /** A selector; empty: every machine. */
  readonly scope: string;
  readonly createdMs: number;
  readonly createdBy: string;
  readonly revokedMs: number | undefined;
  readonly lastSeenMs: number | undefined;
}

export type NewOperator = Omit<OperatorRow, "revokedMs" | "lastSeenMs">;

/**
 * In the place of one of that name that was revoked: whose certificates stay revoked.
 * @returns false when there is one that was not
 */
export async function addOperator(
  database: Database,
  { name, role, scope, createdMs, createdBy }: NewOperator,
): Promise<boolean> {
  const row = { role, scope, created_ms: createdMs, created_by: createdBy, revoked_ms: null, last_seen_ms: null };
  const rows = await database
    .insertInto("operators")
    .values({ name, ...row })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(row).where("operators.revoked_ms", "is not", null))
    .returning("name")
    .execute();
  return rows.length > 0;
}

export async function getOperator(database: Database, name: string): Promise<OperatorRow | undefined> {
  const row = await database.selectFrom("operators").selectAll().where("name", "=", name).executeTakeFirst();
  return row === undefined ? undefined : operatorOf(row);
}

/** By name. */
export async function listOperators(database: Database): Promise<OperatorRow[]> {
  const rows = await database.selectFrom("operators").selectAll().orderBy("name").execute();
  return rows.map(operatorOf);
}

/** @returns false when there is none who is not revoked already */
export async function revokeOperator(database: Database, name: string, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await database
    .updateTable("operators")
    .set({ revoked_ms: nowMs })
    .where("name", "=", name)
    .where("revoked_ms", "is", null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function seeOperator(database: Database, name: string, nowMs: number): Promise<void> {
  await database.updateTable("operators").set({ last_seen_ms: nowMs }).where("name", "=", name).execute();
}

function operatorOf(row: Selectable<Tables["operators"]>): OperatorRow {
  return {
    name: row.name,
    role: row.role,
    scope: row.scope,
    createdMs: row.created_ms,
    createdBy: row.created_by,
    revokedMs: row.revoked_ms ?? undefined,
    lastSeenMs: row.last_seen_ms ?? undefined,
  };
}

/** When the last of each one's certificates that count expires. */
export async function operatorExpiries(database: Database): Promise<ReadonlyMap<string, number>> {
  const rows = await database
    .selectFrom("certificates")
    .select(({ fn }) => ["owner", fn.max("expires_ms").as("expires_ms")])
    .where("kind", "=", "operator")
    .where("revoked_ms", "is", null)
    .groupBy("owner")
    .execute();
  return new Map(rows.map(({ owner, expires_ms }) => [owner, expires_ms]));
}
