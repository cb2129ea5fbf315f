/** How far each machine and operator has come with a new authority: as a machine has told, else by what was issued. */

import { Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { AuthorityRow } from "../store/authorities.ts";
import { newestCertificates } from "../store/certificates.ts";
import type { Database } from "../store/schema.ts";
import type { Follower } from "./rotation.ts";

export interface KnownFollower extends Follower {
  readonly kind: "machine" | "operator";
  /** A machine's id, an operator's name. */
  readonly owner: string;
}

/**
 * All who have a certificate that counts; of the others nobody waits for any.
 * @param next the authority that is to come; undefined: nobody follows anything
 */
export async function listFollowers(
  database: Database,
  next: Pick<AuthorityRow, "fingerprint" | "createdMs"> | undefined,
  nowMs: number,
): Promise<KnownFollower[]> {
  const byIssue = (newest: { issuer: string; issuedMs: number }) => ({
    // what is issued brings along who is to be trusted
    trustsNext: next !== undefined && newest.issuedMs >= next.createdMs,
    issuedByNext: newest.issuer === next?.fingerprint,
  });
  const machines = await newestCertificates(database, "machine", nowMs);
  const rows = await database
    .selectFrom("machines")
    .select(["id", "name", "hostname", "trust"])
    .where("state", "<>", "revoked")
    .execute();
  const followers: KnownFollower[] = rows.flatMap(({ id, name, hostname, trust }) => {
    const newest = machines.get(id);
    if (newest === undefined) return [];
    const told = toldBy(trust, next);
    return [{ kind: "machine", owner: id, name: name ?? `${hostname} (not confirmed)`, ...(told ?? byIssue(newest)) }];
  });
  const operators = await newestCertificates(database, "operator", nowMs);
  for (const [owner, newest] of operators) {
    followers.push({ kind: "operator", owner, name: `operator ${owner}`, ...byIssue(newest) });
  }
  return followers;
}

/** @returns undefined when the machine has not said anything yet */
function toldBy(
  bytes: Uint8Array,
  next: Pick<AuthorityRow, "fingerprint"> | undefined,
): Pick<Follower, "trustsNext" | "issuedByNext"> | undefined {
  if (bytes.length === 0) return undefined;
  const { authorities, issuer } = Trust.decode(bytes);
  if (authorities.length === 0) return undefined;
  return {
    trustsNext: next !== undefined && authorities.includes(next.fingerprint),
    issuedByNext: issuer === next?.fingerprint,
  };
}
