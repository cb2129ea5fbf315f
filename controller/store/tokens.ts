/** The tokens that machines enrol with. */

import type { Database } from "./schema.ts";

export interface TokenRow {
  readonly id: string;
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdMs: number;
  /** The operator. */
  readonly createdBy: string;
  readonly expiresMs: number;
  readonly uses: number;
  readonly usesLeft: number;
  /** Empty where there is none. */
  readonly name: string;
  readonly namePattern: string;
  readonly revokedMs: number | null;
}

export async function insertToken(database: Database, token: TokenRow): Promise<void> {
  await database
    .insertInto("tokens")
    .values({
      id: token.id,
      hash: token.hash,
      labels: JSON.stringify(token.labels),
      created_ms: token.createdMs,
      created_by: token.createdBy,
      expires_ms: token.expiresMs,
      uses: token.uses,
      uses_left: token.usesLeft,
      name: token.name,
      name_pattern: token.namePattern,
      revoked_ms: token.revokedMs,
    })
    .execute();
}

export async function findToken(database: Database, id: string): Promise<TokenRow | undefined> {
  const [row] = await tokensWhere(database, id);
  return row;
}

/** Newest first. */
export async function listTokens(database: Database): Promise<TokenRow[]> {
  return tokensWhere(database, undefined);
}

async function tokensWhere(database: Database, id: string | undefined): Promise<TokenRow[]> {
  const all = database.selectFrom("tokens").selectAll().orderBy("created_ms", "desc").orderBy("id");
  const rows = await (id === undefined ? all : all.where("id", "=", id)).execute();
  return rows.map((row) => ({
    id: row.id,
    hash: row.hash,
    labels: JSON.parse(row.labels) as Record<string, string>,
    createdMs: row.created_ms,
    createdBy: row.created_by,
    expiresMs: row.expires_ms,
    uses: row.uses,
    usesLeft: row.uses_left,
    name: row.name,
    namePattern: row.name_pattern,
    revokedMs: row.revoked_ms,
  }));
}

/**
 * One use of it, for the transaction that makes the machine: of any number that ask at once, as many are answered with yes as
 * there are uses.
 */
export async function takeTokenUse(database: Database, id: string, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await database
    .updateTable("tokens")
    .set((row) => ({ uses_left: row("uses_left", "-", 1) }))
    .where("id", "=", id)
    .where("uses_left", ">", 0)
    .where("expires_ms", ">", nowMs)
    .where("revoked_ms", "is", null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** @returns false when there is none with this id; one that is revoked already stays as it is */
export async function revokeToken(database: Database, id: string, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await database
    .updateTable("tokens")
    .set((row) => ({ revoked_ms: row.fn.coalesce("revoked_ms", row.val(nowMs)) }))
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** Nobody asks any more what became of them. */
export async function forgetTokens(database: Database, expiredBeforeMs: number): Promise<void> {
  await database.deleteFrom("tokens").where("expires_ms", "<", expiredBeforeMs).execute();
}
