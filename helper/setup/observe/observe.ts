/** Looks at the host, and changes nothing. */

import { access, lstat, readdir, readFile } from "node:fs/promises";
import { hasErrno } from "../../../common/errors.ts";
import type { Exec } from "../../../common/exec.ts";
import { sha256OfFile } from "../../../common/sha256.ts";
import { readManifest } from "../manifest.ts";
import { firewallUnit, launcherPath, manifestPath } from "../paths.ts";
import type { Account, Found, FoundDirectory, FoundFile, Source, Sources } from "./found.ts";
import { findQuota } from "./quota.ts";
import { findSshd } from "./sshd.ts";

const deadlineMs = 30_000;
const textBytesMax = 2 ** 20;

export interface Question {
  readonly machine: string;
  readonly packages: readonly string[];
  /** Files and directories; what is not there is no fault. */
  readonly paths: readonly string[];
  /** The machine's directory, where it is known already. */
  readonly directory: string | undefined;
}

export async function findAccount(exec: Exec, name: string): Promise<Account | undefined> {
  const entry = await exec({ file: "getent", args: ["--", "passwd", name], deadlineMs });
  const fields = entry.stdout.toString().trimEnd().split(":");
  if (entry.exitCode !== 0 || fields.length !== 7) return undefined;
  return { uid: Number(fields[2]), gid: Number(fields[3]), home: fields[5] ?? "", shell: fields[6] ?? "" };
}

export async function observe(exec: Exec, sources: Sources, question: Question): Promise<Found> {
  const { machine, directory } = question;
  const user = await findAccount(exec, machine);
  const files = new Map<string, FoundFile>();
  const directories = new Map<string, FoundDirectory>();
  const others = new Set<string>();
  for (const path of question.paths) {
    const found = await look(path);
    if (found === undefined) continue;
    if (found === "other") others.add(path);
    else if ("names" in found) directories.set(path, found);
    else files.set(path, found);
  }
  const systemd = await isThere("/run/systemd/system");
  const [packages, manifest, sshd, firewallStands, quota, uids, busy, isEnabled] = await Promise.all([
    installed(exec, question.packages),
    readManifest(manifestPath),
    findSshd(exec, systemd),
    files.has(launcherPath) && succeeds(exec, launcherPath, "firewall", "check"),
    findQuota(exec, machine, user, directory),
    allUids(exec),
    user === undefined ? 0 : processesOf(user.uid),
    systemd && succeeds(exec, "systemctl", "--quiet", "is-enabled", firewallUnit),
  ]);
  const enabledUnits = new Set(isEnabled ? [firewallUnit] : []);
  return {
    packages,
    user,
    busy,
    files,
    directories,
    others,
    manifest,
    sources,
    systemd,
    sshd,
    enabledUnits,
    firewallStands,
    quota,
    uids,
  };
}

export async function sourceAt(path: string): Promise<Source> {
  return { path, sha256: await sha256OfFile(path) };
}

async function look(path: string): Promise<FoundFile | FoundDirectory | "other" | undefined> {
  try {
    const stat = await lstat(path);
    const mode = stat.mode & 0o7777;
    if (stat.isDirectory()) return { mode, uid: stat.uid, names: await readdir(path) };
    if (!stat.isFile()) return "other";
    const text = stat.size > textBytesMax ? undefined : await readFile(path, "utf8");
    return { mode, uid: stat.uid, sha256: await sha256OfFile(path), text };
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Source: dpkg-query(1). */
async function installed(exec: Exec, names: readonly string[]): Promise<Set<string>> {
  const args = ["--show", "--showformat=${Package} ${Status}\\n", ...names];
  const { stdout } = await exec({ file: "dpkg-query", args, deadlineMs });
  const lines = stdout.toString().split("\n");
  return new Set(names.filter((name) => lines.includes(`${name} install ok installed`)));
}

async function allUids(exec: Exec): Promise<Set<number>> {
  const { stdout } = await exec({ file: "getent", args: ["passwd"], deadlineMs });
  return new Set(
    stdout
      .toString()
      .split("\n")
      .flatMap((line) => line.split(":")[2] ?? [])
      .map(Number),
  );
}

/** Source: proc_pid_status(5): real, effective, saved and file system user. */
async function processesOf(uid: number): Promise<number> {
  let count = 0;
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const ids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/).map(Number) ?? [];
    if (ids.includes(uid)) count += 1;
  }
  return count;
}

async function succeeds(exec: Exec, file: string, ...args: string[]): Promise<boolean> {
  return (await exec({ file, args, deadlineMs })).exitCode === 0;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
