/** What the system still holds of ours, asked of the system alone. Every lab test ends with it. */

import assert from "node:assert/strict";
import { readdir, readFile, readlink } from "node:fs/promises";
import { systemClock } from "../../../common/clock.ts";

const waitMs = 15_000;
const ourPrograms = new Set([
  "sshfs",
  "ssh",
  "rsync",
  "cryptsetup",
  "e2fsck",
  "mkfs.ext4",
  "resize2fs",
  "nbd-client",
  "nbd-server",
]);

export interface Held {
  readonly what: "mount" | "device" | "loop" | "nbd" | "process" | "stuck process" | "directory";
  readonly name: string;
}

/** @param runtimeDir the agent's; mounts and loop devices below it are ours */
export async function captureSystem(runtimeDir = "/run/luksmith"): Promise<Held[]> {
  const found = await Promise.all([
    mounts(runtimeDir),
    devices(),
    loops(runtimeDir),
    nbds(),
    processes(),
    directories(runtimeDir),
  ]);
  return found.flat();
}

/** Waits for the system to let go; fails with a list of what it still holds. */
export async function assertNothingLeft(runtimeDir = "/run/luksmith"): Promise<void> {
  const end = systemClock.monotonicMs() + waitMs;
  let held = await captureSystem(runtimeDir);
  while (held.length > 0 && systemClock.monotonicMs() < end) {
    await systemClock.sleep(100);
    held = await captureSystem(runtimeDir);
  }
  assert.equal(held.length, 0, `left behind:\n${held.map(({ what, name }) => `  ${what}: ${name}`).join("\n")}`);
}

async function mounts(runtimeDir: string): Promise<Held[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines
    .filter((line) => line.includes(` ${runtimeDir}/`) || line.includes(" fuse.sshfs ") || line.includes(" luksmith:"))
    .map((name) => ({ what: "mount", name }));
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
  const names = (await readdir("/sys/block")).filter((name) => name.startsWith(prefix));
  const found = await Promise.all(
    names.map(async (device) => {
      const value = await readFile(`/sys/block/${device}/${attribute}`, "utf8").catch(() => undefined);
      return value === undefined ? [] : [{ device, value: value.trim() }];
    }),
  );
  return found.flat();
}

/** Ours by name; and whatever hangs in the kernel (state D) on a file system of ours would show there for seconds. */
async function processes(): Promise<Held[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<Held[]> => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
      // pid (comm) state: comm may hold anything, so the last parenthesis counts
      const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(stat ?? "") ?? [];
      if (name === undefined || state === "Z") return [];
      const executable = await readlink(`/proc/${pid}/exe`).catch(() => undefined);
      if (executable === undefined) return [];
      if (ourPrograms.has(name)) return [{ what: "process", name: `${name} (pid ${pid})` }];
      return state === "D" ? [{ what: "stuck process", name: `${name} (pid ${pid})` }] : [];
    }),
  );
  return found.flat();
}

async function directories(runtimeDir: string): Promise<Held[]> {
  const names = await readdir(`${runtimeDir}/volumes`).catch(() => []);
  return names.map((name) => ({ what: "directory", name: `${runtimeDir}/volumes/${name}` }));
}
