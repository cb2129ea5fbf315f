/** Directories of exports below /run: named after the helper that made them, so that those of one that was killed are known. */

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";

const namePattern = /^(\d+)-(\d+)-[0-9a-f]{32}$/;

/** What the name of each of this process's exports begins with; of a process number that is used again, the start differs. */
export async function ownPrefix(): Promise<string> {
  return `${process.pid}-${await startOf(process.pid)}-`;
}

/** Removes what helpers that were killed have left; their nbd-servers died with them. */
export async function sweep(runtimeDir: string, log: Log): Promise<void> {
  const names = await readdir(runtimeDir).catch((error: unknown) => {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  });
  for (const name of names) {
    const [, pid, start] = namePattern.exec(name) ?? [];
    if (pid === undefined || (await startOf(Number(pid))) === start) continue;
    log.warn({ export: name }, "removing what a helper that was killed has left");
    await rm(join(runtimeDir, name), { recursive: true, force: true });
  }
}

/** In clock ticks since the boot; undefined when there is no such process. Source: proc_pid_stat(5), field 22 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // the name in field 2 may have blanks and parentheses in it
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}
