/** The sshd that takes this host's connections: whom to tell that its configuration is another. */

import { readFile, readlink } from "node:fs/promises";
import type { Exec } from "../../../common/exec.ts";
import type { Found } from "./found.ts";

const deadlineMs = 30_000;
/** Debian's name first. */
const units = ["ssh.service", "sshd.service"];

export async function findSshd(exec: Exec, systemd: boolean): Promise<Found["sshd"]> {
  if (systemd) {
    for (const unit of units) {
      const { exitCode } = await exec({ file: "systemctl", args: ["--quiet", "is-active", unit], deadlineMs });
      if (exitCode === 0) return { unit };
    }
  }
  const pid = (await listenerAbove(process.pid)) ?? (await fromPidFile());
  return pid === undefined ? undefined : { pid };
}

/** Whoever has come by ssh descends from it. */
async function listenerAbove(pid: number): Promise<number | undefined> {
  let topmost: number | undefined;
  for (let at = pid; at > 1; at = await parentOf(at)) if (await isSshd(at)) topmost = at;
  return topmost;
}

async function fromPidFile(): Promise<number | undefined> {
  const pid = Number(await readFile("/run/sshd.pid", "utf8").catch(() => ""));
  return Number.isSafeInteger(pid) && pid > 1 && (await isSshd(pid)) ? pid : undefined;
}

/** And not the one of a single connection, which systemd can start for each (ssh.socket): a signal would end that. */
async function isSshd(pid: number): Promise<boolean> {
  if ((await readlink(`/proc/${pid}/exe`).catch(() => "")) !== "/usr/sbin/sshd") return false;
  const title = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
  // sshd.c, "[listener]"; what serves a connection calls itself by its user
  return !title.startsWith("sshd: ") || title.includes("[listener]");
}

/** Source: proc_pid_stat(5), field 4; the name in field 2 may have blanks and parentheses in it */
async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
}
