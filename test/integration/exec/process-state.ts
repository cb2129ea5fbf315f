/** Whether a process is still there, as proc_pid_stat(5) says it. */

import { readFileSync } from "node:fs";
import { systemClock } from "../../../common/clock.ts";
import { hasErrno } from "../../../common/errors.ts";
import { waitUntil } from "../../../common/wait-until.ts";

const patienceMs = 20_000;

/** A zombie has ended; nobody has asked for its exit code yet. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
}

/** @returns false when it is still there after a long time */
export function hasEnded(pid: number): Promise<boolean> {
  return waitUntil(systemClock, patienceMs, () => !isRunning(pid));
}
