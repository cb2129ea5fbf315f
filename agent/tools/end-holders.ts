/** Ending a user's processes that have something open below a directory, as far as that user could do it too. */

import { readFile } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";
import type { Host } from "../system/host.ts";
import { type Hold, holdersOf } from "./holders.ts";

/** Those of others are left alone: an open file can be handed to a program that is not to suffer for it. */
export async function signalHolders(
  { exec, log }: Pick<Host, "exec" | "log">,
  directory: string,
  uid: number,
  signal: NodeJS.Signals,
): Promise<void> {
  // root's programs are the machine's as well: of those only what stands there, as a shell does, is to go
  const holds: Hold = uid === 0 ? "stands there" : "any";
  const pids = await holdersOf(exec, directory, holds).catch((error: unknown) => {
    log.warn({ err: error, directory }, "it cannot be seen who uses a place of a user's");
    return [];
  });
  for (const pid of pids) {
    if (!(await isOf(pid, uid))) continue;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
}

/** By its real or saved uid, which is whose signals it has to take: kill(2). Source: proc_pid_status(5), Uid */
async function isOf(pid: number, uid: number): Promise<boolean> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    const [real, , saved] = /^Uid:\t(.*)$/m.exec(status)?.[1]?.split("\t") ?? [];
    return pid !== process.pid && (real === `${uid}` || saved === `${uid}`);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
}
