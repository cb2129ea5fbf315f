/** The certificates that the fleet's authorities have issued, and whether those who have them are still of the fleet. */

import type { FleetIdentity } from "../../common/fleet/identity.ts";
import { isRevokedController } from "./controllers.ts";
import type { Database } from "./schema.ts";

export interface CertificateRow {
  readonly serial: string;
  readonly owner: FleetIdentity;
  /** Fingerprint of the authority. */
  readonly issuer: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
}

export async function insertCertificate(
  database: Database,
  { serial, owner, issuer, issuedMs, expiresMs }: CertificateRow,
): Promise<void> {
  await database
    .insertInto("certificates")
    .values({
      serial,
      kind: owner.kind,
      owner: owner.name,
      issuer,
      issued_ms: issuedMs,
      expires_ms: expiresMs,
      revoked_ms: null,
    })
    .execute();
}

/**
 * Whether the certificate counts, as far as the store can tell. One that is in no list is as good as its owner: the authority has
 * signed it, and a store that was brought back from a copy does not know those that were issued since.
 */
export async function certificateStanding(
  database: Database,
  { kind, name }: FleetIdentity,
  serial: string,
): Promise<"good" | "revoked" | "unknown"> {
  const revoked = await database
    .selectFrom("certificates")
    .select("serial")
    .where("serial", "=", serial)
    .where("revoked_ms", "is not", null)
    .executeTakeFirst();
  if (revoked !== undefined) return "revoked";
  if (kind === "controller") return (await isRevokedController(database, name)) ? "revoked" : "good";
  if (kind === "machine") {
    const machine = await database.selectFrom("machines").select("state").where("id", "=", name).executeTakeFirst();
    return machine === undefined ? "unknown" : machine.state === "revoked" ? "revoked" : "good";
  }
  const operator = await database
    .selectFrom("operators")
    .select("revoked_ms")
    .where("name", "=", name)
    .executeTakeFirst();
  return operator === undefined ? "unknown" : operator.revoked_ms === null ? "good" : "revoked";
}

/** All that its owner has. In the transaction that revokes the owner; afterwards: notices.tell("certificate", ...). */
export async function revokeCertificates(
  database: Database,
  { kind, name }: FleetIdentity,
  nowMs: number,
): Promise<void> {
  await database
    .updateTable("certificates")
    .set({ revoked_ms: nowMs })
    .where("kind", "=", kind)
    .where("owner", "=", name)
    .where("revoked_ms", "is", null)
    .execute();
}

/** @returns serials and owners of those that were revoked since */
export async function revokedSince(
  database: Database,
  sinceMs: number,
): Promise<{ serial: string; owner: FleetIdentity }[]> {
  const rows = await database
    .selectFrom("certificates")
    .select(["serial", "kind", "owner"])
    .where("revoked_ms", ">=", sinceMs)
    .execute();
  return rows.map(({ serial, kind, owner }) => ({ serial, owner: { kind, name: owner } }));
}

/** Of each machine and operator the newest certificate that still counts: who issued it, and when. */
export async function newestCertificates(
  database: Database,
  kind: "machine" | "operator",
  nowMs: number,
): Promise<ReadonlyMap<string, { issuer: string; issuedMs: number }>> {
  const rows = await database
    .selectFrom("certificates")
    .select(["owner", "issuer", "issued_ms"])
    .where("kind", "=", kind)
    .where("revoked_ms", "is", null)
    .where("expires_ms", ">", nowMs)
    .orderBy("issued_ms")
    .execute();
  // the later ones take the place of the earlier
  return new Map(rows.map(({ owner, issuer, issued_ms }) => [owner, { issuer, issuedMs: issued_ms }]));
}

/** Before another one takes their place: a controller keeps its key in memory alone, so that each of its starts has one. */
export async function replaceCertificates(database: Database, { kind, name }: FleetIdentity): Promise<void> {
  await database
    .deleteFrom("certificates")
    .where("kind", "=", kind)
    .where("owner", "=", name)
    .where("revoked_ms", "is", null)
    .execute();
}

export async function hasCertificate(database: Database, { kind, name }: FleetIdentity): Promise<boolean> {
  const row = await database
    .selectFrom("certificates")
    .select("serial")
    .where("kind", "=", kind)
    .where("owner", "=", name)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** A certificate that has expired opens nothing, revoked or not. */
export async function forgetCertificates(database: Database, expiredBeforeMs: number): Promise<void> {
  await database.deleteFrom("certificates").where("expires_ms", "<", expiredBeforeMs).execute();
}
