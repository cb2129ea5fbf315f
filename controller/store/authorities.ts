/** The fleet's authorities, and which of them does what. */

import type { Database } from "./schema.ts";

export interface AuthorityRow {
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly fingerprint: string;
  /** PEM. */
  readonly certificate: string;
  readonly sealedKey: Uint8Array;
  readonly createdMs: number;
  readonly expiresMs: number;
}

/** Names of rows in `settings`; of the authority that is to come there is none when none is. */
const settings = { phase: "authority.phase", old: "authority.old", next: "authority.next" } as const;

export interface AuthoritySettings {
  readonly phase: string;
  /** Fingerprints. */
  readonly old: string;
  readonly next: string | undefined;
}

/** @returns undefined when there has never been an authority */
export async function authoritySettings(database: Database): Promise<AuthoritySettings | undefined> {
  const rows = await database.selectFrom("settings").selectAll().where("name", "in", Object.values(settings)).execute();
  const values = new Map(rows.map(({ name, value }) => [name, value]));
  const phase = values.get(settings.phase);
  const old = values.get(settings.old);
  return phase === undefined || old === undefined ? undefined : { phase, old, next: values.get(settings.next) };
}

/** The first there are. */
export async function insertAuthoritySettings(database: Database, { phase, old }: AuthoritySettings): Promise<void> {
  await database
    .insertInto("settings")
    .values([
      { name: settings.phase, value: phase },
      { name: settings.old, value: old },
    ])
    .execute();
}

/** @returns false when the phase is not the one that it was thought to be: somebody else was there first */
export async function changeAuthoritySettings(
  database: Database,
  phaseBefore: string,
  { phase, old, next }: AuthoritySettings,
): Promise<boolean> {
  const set = (name: string, value: string) => database.updateTable("settings").set({ value }).where("name", "=", name);
  // first of all: on PostgreSQL the second of two waits here for the first
  const { numUpdatedRows } = await set(settings.phase, phase)
    .where("value", "=", phaseBefore)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows !== 1n) return false;
  await set(settings.old, old).execute();
  await database.deleteFrom("settings").where("name", "=", settings.next).execute();
  if (next !== undefined) await database.insertInto("settings").values({ name: settings.next, value: next }).execute();
  return true;
}

export async function listAuthorities(database: Database): Promise<AuthorityRow[]> {
  const rows = await database.selectFrom("authorities").selectAll().orderBy("created_ms").execute();
  return rows.map(({ fingerprint, certificate, sealed_key, created_ms, expires_ms }) => ({
    fingerprint,
    certificate,
    sealedKey: sealed_key,
    createdMs: created_ms,
    expiresMs: expires_ms,
  }));
}

export async function insertAuthority(
  database: Database,
  { fingerprint, certificate, sealedKey, createdMs, expiresMs }: AuthorityRow,
): Promise<void> {
  await database
    .insertInto("authorities")
    .values({ fingerprint, certificate, sealed_key: sealedKey, created_ms: createdMs, expires_ms: expiresMs })
    .execute();
}

/** With the certificates that it has issued, which nobody believes any more. */
export async function deleteAuthority(database: Database, fingerprint: string): Promise<void> {
  await database.deleteFrom("certificates").where("issuer", "=", fingerprint).execute();
  await database.deleteFrom("authorities").where("fingerprint", "=", fingerprint).execute();
}
