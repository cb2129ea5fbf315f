/** Programs of ours that nobody waits for any more: those that an agent which was killed had started. */

import { readdir, readFile } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";

const names: readonly string[] = ["ssh", "sshfs"];

/**
 * Kills every ssh and sshfs that was given one of these very arguments, which must hold a name that nobody but us uses.
 * Source: proc_pid_cmdline(5)
 */
export async function killThoseWith(...given: readonly string[]): Promise<void> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const isStray = await Promise.all(
    pids.map(async (pid) => (await argumentsOf(pid)).some((argument) => given.includes(argument))),
  );
  const strays = pids.filter((pid, index) => isStray[index] === true && pid !== process.pid);
  for (const pid of strays) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
}

/** Of a program that is not ours it is not asked: to be told, one waits for whatever that program's memory waits for. */
async function argumentsOf(pid: number): Promise<string[]> {
  try {
    const name = (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
    if (!names.includes(name)) return [];
    return (await readFile(`/proc/${pid}/cmdline`, "latin1")).split("\0");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH", "EACCES")) return [];
    throw error;
  }
}
