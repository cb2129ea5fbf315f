/** Directories of exports below /run: named after the helper that made them, so that those of one that was killed are known. */

import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { namesIn } from "../../common/if-there.ts";
import type { Log } from "../../common/log.ts";
import { directoryFault } from "../../common/ownership.ts";
import { configIn, removeExportDirectory } from "../export/export-directory.ts";

const namePattern = /^(\d+)-(\d+)-[0-9a-f]{32}$/;

/** What the name of each of this process's exports begins with; of a process number that is used again, the start differs. */
export async function ownPrefix(): Promise<string> {
  return `${process.pid}-${await startOf(process.pid)}-`;
}

/** Of this mode, whatever the umask. @throws {LuksmithError} "config" when it is there and others could put something into it */
export async function makeOwnDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  const found = await stat(path);
  const fault = directoryFault(path, found, process.geteuid?.() ?? 0);
  if (fault !== undefined) throw fault;
  if ((found.mode & 0o7777) !== mode) await chmod(path, mode);
}

/** Ends and removes what helpers that were killed have left. What cannot be removed keeps nobody from theirs. */
export async function sweep(exec: Exec, runtimeDir: string, log: Log): Promise<void> {
  for (const name of await namesIn(runtimeDir)) {
    const [, pid, start] = namePattern.exec(name) ?? [];
    try {
      if (pid === undefined || (await startOf(Number(pid))) === start) continue;
      log.warn({ export: name }, "removing what a helper that was killed has left");
      const directory = join(runtimeDir, name);
      await endServers(configIn(directory), log);
      await removeExportDirectory(exec, directory);
    } catch (error) {
      log.error({ err: error, export: name }, "what a helper that was killed has left cannot be removed");
    }
  }
}

/**
 * A server dies with its helper, but for one that was killed in the moment in which the server was being started and had not said
 * so to the kernel yet. It is known by its configuration, whose path nobody can guess.
 */
async function endServers(configFile: string, log: Log): Promise<void> {
  for (const pid of (await namesIn("/proc")).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const words = command.split("\0");
    if (words[0] !== "nbd-server" || !words.includes(configFile)) continue;
    log.warn({ pid }, "ending an nbd-server whose helper was killed");
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch (error) {
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
}

/** In clock ticks since the boot; undefined when there is no such process. Source: proc_pid_stat(5), field 22 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // the name in field 2 may have blanks and parentheses in it
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}
