/**
 * Locks on files that we have open (flock(2)), by flock(1), since Node has none. It is told a descriptor and no command: what it
 * locks then is the open file, which it shares with us. The lock outlives it, and goes with the last descriptor of that open file,
 * ours or that of a child that was handed one. None of this can be left behind: the kernel closes what a killed process had open.
 */

import type { FileHandle } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";

/** What flock ends with when somebody else has the lock. */
const conflictExit = 75;
const deadlineMs = 10_000;

export interface LockOptions {
  /** With others that only look, too. */
  readonly shared?: boolean;
  /** For how long it is waited for whoever has it. Default: not at all. */
  readonly waitMs?: number;
}

/** Of a file that was opened for this. @returns undefined when somebody else has it, and closes it then, as when it fails */
export async function lockOrClose(
  exec: Exec,
  file: FileHandle,
  options: LockOptions = {},
): Promise<FileHandle | undefined> {
  let isLocked = false;
  try {
    isLocked = await tryLock(exec, file, options);
  } finally {
    if (!isLocked) await file.close();
  }
  return isLocked ? file : undefined;
}

/** @returns false when somebody else has it @throws {LuksmithError} "tool_failed" when that cannot be told: nothing is free then */
export async function tryLock(
  exec: Exec,
  file: FileHandle,
  { shared = false, waitMs = 0 }: LockOptions = {},
): Promise<boolean> {
  const patience = waitMs === 0 ? ["--nonblock"] : ["--timeout", `${waitMs / 1000}`];
  const args = [shared ? "--shared" : "--exclusive", ...patience, "--conflict-exit-code", `${conflictExit}`, "3"];
  const finished = await exec({ file: "flock", args, fds: [file.fd], deadlineMs: deadlineMs + waitMs, silent: true });
  if (finished.exitCode === 0) return true;
  if (finished.exitCode === conflictExit) return false;
  throw new LuksmithError("tool_failed", `a lock cannot be taken: ${lastWords(finished)}`, { cause: finished });
}
