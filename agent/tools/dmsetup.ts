/** dmsetup(8): device-mapper tables. Nothing here asks for keys: without --showkeys dmsetup hides them. */

import { type Exec, mustRead, mustRun } from "../../common/exec.ts";

const deadlineMs = 20_000;
export const bytesPerDmSector = 512;

/** A line of `dmsetup table`: "home: 0 581632 crypt aes-xts-plain64 ..." */
export interface DmTarget {
  readonly name: string;
  readonly start: number;
  readonly sectors: number;
  readonly target: string;
  readonly args: readonly string[];
}

/**
 * Waits for nothing but the kernel, and cannot be cancelled: ended between its ioctls, it would leave a device without a
 * table, which sysfs does not show (Linux 5.15).
 */
export async function createDm(exec: Exec, name: string, table: string): Promise<void> {
  await mustRun(exec, { file: "dmsetup", args: ["create", name, "--table", table], brief: true, deadlineMs });
}

/** Holds another table ready for a live device, which goes on with the one it has. */
export async function loadDmTable(exec: Exec, name: string, table: string, signal: AbortSignal): Promise<void> {
  await mustRun(exec, { file: "dmsetup", args: ["load", name, "--table", table], brief: true, deadlineMs, signal });
}

/** Puts the table that was loaded under the live device; I/O waits meanwhile. */
export async function switchDmTable(exec: Exec, name: string, signal: AbortSignal): Promise<void> {
  await mustRun(exec, { file: "dmsetup", args: ["resume", name], brief: true, deadlineMs, signal });
}

/**
 * @param names in this order, the upper ones first
 * @param how "force" puts the error target under them first, so that what hangs on them gets errors and lets go
 */
export async function removeDm(exec: Exec, names: readonly string[], how: "plain" | "force" = "plain"): Promise<void> {
  const args = ["remove", ...(how === "force" ? ["--force"] : []), "--retry", ...names];
  await mustRun(exec, { file: "dmsetup", args, brief: true, deadlineMs });
}

/**
 * From now on everything that is written to the device or read from it fails; what lies on it is not asked to write anything
 * before. What is under way may go on. Source: dmsetup(8), wipe_table, --noflush, --nolockfs
 */
export async function wipeDm(exec: Exec, name: string): Promise<void> {
  await mustRun(exec, {
    file: "dmsetup",
    args: ["wipe_table", "--noflush", "--nolockfs", name],
    brief: true,
    deadlineMs,
  });
}

/** Names of all there are, those without a table among them. Source: dmsetup(8), info, -C */
export async function listDms(exec: Exec): Promise<string[]> {
  const args = ["info", "--columns", "--noheadings", "--options", "name"];
  const listed = await mustRead(exec, { file: "dmsetup", args, brief: true, deadlineMs });
  // without any it says so
  return listed
    .toString()
    .split("\n")
    .filter((line) => line !== "" && !line.includes(" "));
}

export async function dmTables(exec: Exec, signal: AbortSignal): Promise<DmTarget[]> {
  const tables = await mustRead(exec, { file: "dmsetup", args: ["table"], brief: true, deadlineMs, signal });
  return parseDmTables(tables.toString());
}

/** Of a snapshot: sectors that are taken, and those of them that hold its own metadata. Source: Documentation/admin-guide/device-mapper/snapshot.rst */
export interface SnapshotUse {
  readonly sectors: number;
  readonly metadataSectors: number;
}

/** @returns undefined when the snapshot is none any more: what should have been written to its file was not */
export async function snapshotUse(exec: Exec, name: string, signal: AbortSignal): Promise<SnapshotUse | undefined> {
  const said = await mustRead(exec, { file: "dmsetup", args: ["status", name], brief: true, deadlineMs, signal });
  return parseSnapshotUse(said.toString());
}

export function parseSnapshotUse(text: string): SnapshotUse | undefined {
  const match = /^\d+ \d+ snapshot(?:-merge)? (\d+)\/\d+ (\d+)$/.exec(text.trim());
  return match === null ? undefined : { sectors: Number(match[1]), metadataSectors: Number(match[2]) };
}

/**
 * Whether what is written to a mirror reaches each of its places. Without all of them nothing that waits for it goes on
 * ("handle_errors"). Source: drivers/md/dm-raid1.c, mirror_status(): "A" stands for a place that has not failed.
 */
export async function isMirrorWhole(exec: Exec, name: string, signal: AbortSignal): Promise<boolean> {
  const said = await mustRead(exec, { file: "dmsetup", args: ["status", name], brief: true, deadlineMs, signal });
  return parseMirrorWhole(said.toString());
}

export function parseMirrorWhole(text: string): boolean {
  return /^\d+ \d+ mirror 2 \S+ \S+ \d+\/\d+ 1 AA /.test(text);
}

export function parseDmTables(text: string): DmTarget[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\S+): (\d+) (\d+) (\S+) ?(.*)$/.exec(line.trimEnd());
    if (!match) return [];
    const [, name = "", start, sectors, target = "", rest = ""] = match;
    return [{ name, start: Number(start), sectors: Number(sectors), target, args: rest.split(" ").filter(Boolean) }];
  });
}
