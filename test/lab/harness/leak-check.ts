/**
 * What the system still holds of ours, asked of the system alone. Every lab test ends with it. An agent that merely
 * runs holds none of this.
 */

import assert from "node:assert/strict";
import { readdir, readFile, readlink } from "node:fs/promises";
import { systemClock } from "../../../common/clock.ts";
import { hasErrno } from "../../../common/errors.ts";

/** What was told to go may take a moment; a stall under emulation is a few seconds. */
const waitMs = 15_000;

/** What the agent starts, and what those start. */
const ourPrograms = new Set([
  "btrfs",
  "cp",
  "cryptsetup",
  "e2fsck",
  "fstrim",
  "fusermount3",
  "mkfs.btrfs",
  "mkfs.ext4",
  "nbd-client",
  "nbd-server",
  "resize2fs",
  "rsync",
  "socat",
  "ssh",
  "sshfs",
]);

export interface Held {
  readonly what: "mount" | "FUSE connection" | "device" | "loop" | "nbd" | "process" | "stuck process" | "directory";
  readonly name: string;
}

/** @param runtimeDir the agent's; mounts and loop devices below it are ours */
export async function captureSystem(runtimeDir = "/run/luksmith"): Promise<Held[]> {
  const found = await Promise.all([
    mounts(runtimeDir),
    fuseConnections(),
    devices(),
    loops(runtimeDir),
    nbds(),
    processes(),
    directories(runtimeDir),
  ]);
  return found.flat();
}

/** Waits for the system to let go; fails with a list of what it still holds. */
export async function assertNothingLeft(runtimeDir = "/run/luksmith", waitAtMostMs = waitMs): Promise<void> {
  const end = systemClock.monotonicMs() + waitAtMostMs;
  let held = await captureSystem(runtimeDir);
  while (held.length > 0 && systemClock.monotonicMs() < end) {
    await systemClock.sleep(100);
    held = await captureSystem(runtimeDir);
  }
  assert.equal(held.length, 0, `left behind:\n${held.map(({ what, name }) => `  ${what}: ${name}`).join("\n")}`);
}

/** Source: proc_pid_mountinfo(5): the mount point is field 5, type and source stand after " - ". */
async function mounts(runtimeDir: string): Promise<Held[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.flatMap((line): Held[] => {
    const [before = "", after = ""] = line.split(" - ");
    const mountPoint = before.split(" ")[4] ?? "";
    const [type = "", source = ""] = after.split(" ");
    const ours = mountPoint.startsWith(`${runtimeDir}/`) || /^fuse(\.|$)/.test(type) || source.startsWith("luksmith:");
    return ours ? [{ what: "mount", name: `${mountPoint} (${type}, ${source})` }] : [];
  });
}

/** Also those whose mount was detached lazily and is to be seen nowhere else. Source: Documentation/filesystems/fuse.rst. */
async function fuseConnections(): Promise<Held[]> {
  return (await list("/sys/fs/fuse/connections")).map((name) => ({ what: "FUSE connection", name }));
}

async function devices(): Promise<Held[]> {
  const names = await perDevice("dm-", "dm/name");
  return names
    .filter(({ value }) => value.startsWith("luksmith-"))
    .map(({ value }) => ({ what: "device", name: value }));
}

async function loops(runtimeDir: string): Promise<Held[]> {
  const files = await perDevice("loop", "loop/backing_file");
  return files
    .filter(({ value }) => value.startsWith(`${runtimeDir}/`))
    .map(({ device, value }) => ({ what: "loop", name: `${device} on ${value}` }));
}

async function nbds(): Promise<Held[]> {
  return (await perDevice("nbd", "pid")).map(({ device, value }) => ({
    what: "nbd",
    name: `${device} of pid ${value}`,
  }));
}

async function perDevice(prefix: string, attribute: string): Promise<{ device: string; value: string }[]> {
  const names = (await list("/sys/block")).filter((name) => name.startsWith(prefix));
  const found = await Promise.all(
    names.map(async (device) => {
      const value = await readIfThere(`/sys/block/${device}/${attribute}`);
      return value === undefined ? [] : [{ device, value: value.trim() }];
    }),
  );
  return found.flat();
}

/** Ours by name; and whatever hangs in the kernel (state D) on a file system of ours would show there for seconds. */
async function processes(): Promise<Held[]> {
  const pids = (await list("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<Held[]> => {
      const stat = await readIfThere(`/proc/${pid}/stat`);
      // pid (comm) state: comm may hold anything, so the last parenthesis counts
      const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(stat ?? "") ?? [];
      // a zombie holds nothing, and a kernel thread, which has no executable, is nobody's
      if (name === undefined || state === "Z" || !(await hasExecutable(pid))) return [];
      if (ourPrograms.has(name)) return [{ what: "process", name: `${name} (pid ${pid})` }];
      return state === "D" ? [{ what: "stuck process", name: `${name} (pid ${pid})` }] : [];
    }),
  );
  return found.flat();
}

async function hasExecutable(pid: string): Promise<boolean> {
  try {
    await readlink(`/proc/${pid}/exe`);
    return true;
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
}

async function directories(runtimeDir: string): Promise<Held[]> {
  const names = await list(`${runtimeDir}/volumes`);
  return names.map((name) => ({ what: "directory", name: `${runtimeDir}/volumes/${name}` }));
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Undefined also for what went away, or was taken down, while we looked. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH", "ENXIO", "ENODEV")) return undefined;
    throw error;
  }
}
