/** What went wrong with the database, in words for a person, and whether it may pass by itself. */

import { hasErrno, LuksmithError } from "../../common/errors.ts";

/** Primary result codes; source: https://www.sqlite.org/rescode.html */
const sqlite = { busy: 5, readonly: 8, ioerr: 10, corrupt: 11, full: 13, cantopen: 14, notadb: 26 } as const;

/** Classes and codes of SQLSTATE; source: PostgreSQL's manual, appendix A. */
const postgres = {
  connectionClass: "08",
  /** Insufficient resources: no room on its disk, no memory, too many connections. */
  resourcesClass: "53",
  /** Operator intervention: it is shut down, starts, or was told to end this connection. */
  interventionClass: "57P",
  serializationFailure: "40001",
  deadlock: "40P01",
  lockNotAvailable: "55P03",
  readOnly: "25006",
  /** A statement that took too long, and a transaction that we left alone for too long: somebody hangs. */
  queryCanceled: "57014",
  idleInTransaction: "25P03",
  uniqueViolation: "23505",
} as const;

/** As {@link hasErrno} knows them: a server that is not there, or was a moment ago. */
const networkErrnos = [
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOENT",
  "EHOSTUNREACH",
  "ENETUNREACH",
] as const;

/** Of pg itself, which gives these no code. */
const lostWords =
  /connection (terminated|timeout|ended)|timeout (exceeded|expired)|not queryable|Client has encountered a connection error/i;

/** Whether the same may well succeed later: a server that is away, a disk that is full. */
export function mayPass(thrown: unknown): boolean {
  if (sqliteCode(thrown) === sqlite.full || sqliteCode(thrown) === sqlite.busy || hasErrno(thrown, "ENOSPC", "EDQUOT"))
    return true;
  if (hasErrno(thrown, ...networkErrnos)) return true;
  const state = sqlState(thrown);
  if (state === undefined) return thrown instanceof Error && lostWords.test(thrown.message);
  return (
    [postgres.connectionClass, postgres.resourcesClass, postgres.interventionClass].some((start) =>
      state.startsWith(start),
    ) ||
    [postgres.readOnly, postgres.queryCanceled, postgres.idleInTransaction].some((one) => state === one) ||
    mayBeRepeated(thrown)
  );
}

/** Whether a transaction failed only because another one was there first. */
export function mayBeRepeated(thrown: unknown): boolean {
  const state = sqlState(thrown);
  return state === postgres.serializationFailure || state === postgres.deadlock || state === postgres.lockNotAvailable;
}

/** Whether a row with that key is there already. */
export function isTaken(thrown: unknown): boolean {
  // SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY
  const extended = thrown instanceof Error && "errcode" in thrown ? Number(thrown.errcode) : undefined;
  return sqlState(thrown) === postgres.uniqueViolation || extended === 2067 || extended === 1555;
}

/** @param place of the database, for the person; without a password in it */
export function storeError(thrown: unknown, place: string): LuksmithError {
  if (thrown instanceof LuksmithError) return thrown;
  const code = sqliteCode(thrown);
  if (code === sqlite.busy) {
    return new LuksmithError("locked", `another controller uses ${place}`, {
      hint: "several controllers share a PostgreSQL: luksmith-controller serve --database postgres://...",
      cause: thrown,
    });
  }
  if (
    code === sqlite.full ||
    hasErrno(thrown, "ENOSPC", "EDQUOT") ||
    sqlState(thrown)?.startsWith(postgres.resourcesClass)
  ) {
    return new LuksmithError("full", `no room left for the controller's database ${place}`, {
      hint: "df -h",
      cause: thrown,
    });
  }
  if (mayPass(thrown)) {
    return new LuksmithError("unreachable", `the controller's database ${place} does not answer`, {
      hint: "is it running, and does it let the controller in?",
      cause: thrown,
    });
  }
  return new LuksmithError("internal", `the controller's database ${place} cannot be used: ${why(thrown)}`, {
    cause: thrown,
  });
}

function why(thrown: unknown): string {
  const code = sqliteCode(thrown);
  if (code === sqlite.readonly || hasErrno(thrown, "EROFS", "EACCES", "EPERM")) return "it is read-only";
  if (code === sqlite.ioerr) return "the disk reports errors";
  if (code === sqlite.cantopen) return "it cannot be opened";
  if (code === sqlite.corrupt || code === sqlite.notadb) return "it is damaged";
  return thrown instanceof Error ? thrown.message : "for an unknown reason";
}

/** Extended codes carry the primary one in their low byte. */
function sqliteCode(thrown: unknown): number | undefined {
  return thrown instanceof Error && "errcode" in thrown ? Number(thrown.errcode) & 0xff : undefined;
}

function sqlState(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  const { code } = thrown;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
