/**
 * Opens the file that the run history lives in, as one agent's own: a second one on the same state directory is
 * refused.
 *
 * The history is worth keeping but not worth a missed backup or restore. So a damaged file is moved aside (one such
 * file is kept, for `sqlite3 .recover`) and a new one begun; and where nothing can be written (a full disk, which is
 * when people restore, or a read-only one) the history is kept in memory, as long as this agent lives. Neither costs
 * more than history: what protects the data, such as the generation last seen, has files of its own.
 */

import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { migrate } from "./migrations.ts";

export interface HistoryFile {
  readonly database: DatabaseSync;
  /** Undefined when the history is in memory. */
  readonly path: string | undefined;
  /** Why it is in memory. */
  readonly error: LuksmithError | undefined;
  /** It was begun in the place of a damaged one. */
  readonly isReplacement: boolean;
}

/** Primary result codes; source: https://www.sqlite.org/rescode.html */
const sqlite = { perm: 3, busy: 5, readonly: 8, ioerr: 10, corrupt: 11, full: 13, cantopen: 14, notadb: 26 } as const;

/** Checking so much takes some 15 ms; 130 MB take a quarter of a second, which a start after a clean end should not. */
const alwaysCheckedBytes = 8 * 2 ** 20;

/** @throws {LuksmithError} "locked" when another agent has it, "config" when a newer program wrote it */
export function openHistoryFile(stateDirectory: string, log: Log): HistoryFile {
  const path = join(stateDirectory, "agent.db");
  try {
    return { ...openOrReplace(path, log), path, error: undefined };
  } catch (thrown) {
    const error = historyError(thrown, stateDirectory);
    if (error.code === "locked" || error.code === "config") throw error;
    log.error({ err: error, hint: error.hint }, "the history of runs cannot be kept: it ends with this agent");
    const database = new DatabaseSync(":memory:");
    migrate(database, ":memory:");
    return { database, path: undefined, error, isReplacement: false };
  }
}

/** What happened, in words for a person. @param place the file or directory it happened to */
export function historyError(thrown: unknown, place: string): LuksmithError {
  if (thrown instanceof LuksmithError) return thrown;
  const code = resultCode(thrown);
  if (code === sqlite.busy) {
    return new LuksmithError("locked", `another agent uses the state directory ${place}`, {
      hint: "systemctl status luksmith-agent",
      cause: thrown,
    });
  }
  if (code === sqlite.full || hasErrno(thrown, "ENOSPC", "EDQUOT")) {
    return new LuksmithError("full", `no room left for the history of runs in ${place}`, {
      hint: `df ${place}`,
      cause: thrown,
    });
  }
  return new LuksmithError("internal", `the history of runs in ${place} cannot be used: ${why(thrown)}`, {
    hint: `check that ${place} can be written and is not damaged`,
    cause: thrown,
  });
}

export function isDamage(thrown: unknown): boolean {
  const code = resultCode(thrown);
  return code === sqlite.corrupt || code === sqlite.notadb;
}

/** Moves a damaged history aside, in the place of one moved earlier. The file must be closed. */
export function setAside(path: string): string {
  const aside = asideOf(path);
  rmSync(`${aside}-wal`, { force: true });
  renameSync(path, aside);
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`);
  return aside;
}

function asideOf(path: string): string {
  return `${path}.damaged`;
}

type Opened = Pick<HistoryFile, "database" | "isReplacement">;

function openOrReplace(path: string, log: Log): Opened {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return open(path);
  } catch (error) {
    if (!isDamage(error)) throw error;
    log.error({ err: error, aside: setAside(path) }, "the history of runs was damaged: moved aside, a new one begins");
    return open(path);
  }
}

function open(path: string): Opened {
  createPrivately(path);
  // the log of a clean end is removed; one that is there tells of a crash or a power cut, the time to look closely
  const lookClosely = existsSync(`${path}-wal`) || statSync(path).size <= alwaysCheckedBytes;
  const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    // Exclusive before the first access in WAL mode: the lock is then held until we end, however we end
    // (https://www.sqlite.org/wal.html#noshm). With WAL, NORMAL survives our crash; a power cut may take what was
    // not written in FULL (RunStore.save).
    database.exec("pragma locking_mode = exclusive");
    database.exec("pragma journal_mode = wal");
    database.exec("pragma synchronous = normal");
    database.exec(`pragma journal_size_limit = ${4 * 2 ** 20}`);
    if (lookClosely) mustBeSound(database);
    // the damage may have been found, and the file moved aside, when an agent ended
    const isReplacement = migrate(database, path) === "new" && existsSync(asideOf(path));
    return { database, isReplacement };
  } catch (error) {
    database.close();
    throw error;
  }
}

function mustBeSound(database: DatabaseSync): void {
  const found = database.prepare("pragma quick_check(1)").get()?.quick_check;
  if (found !== "ok") throw Object.assign(new Error(`quick_check: ${found}`), { errcode: sqlite.corrupt });
}

/**
 * An existing file is not opened here: closing it again would drop this process's locks on it (fcntl(2), "Record
 * locking and file descriptors").
 */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
    chmodSync(path, 0o600);
  }
}

/** Extended codes carry the primary one in their low byte. */
function resultCode(thrown: unknown): number | undefined {
  return thrown instanceof Error && "errcode" in thrown ? Number(thrown.errcode) & 0xff : undefined;
}

function why(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "for an unknown reason";
  const code = resultCode(thrown);
  if (code === sqlite.readonly || code === sqlite.perm || hasErrno(thrown, "EROFS", "EACCES", "EPERM")) {
    return "it is read-only";
  }
  if (code === sqlite.ioerr) return "the disk reports errors";
  if (code === sqlite.cantopen) return "it cannot be opened";
  if (isDamage(thrown)) return "it is damaged";
  return thrown.message;
}
