/**
 * Making a file system smaller in a place where nothing is lost when it is broken off.
 *
 * resize2fs moves inodes and blocks about, and what interrupts it leaves a file system that e2fsck does not put together again. So it
 * works on a snapshot of device-mapper: all that it writes goes into a file on this machine's disk, and the volume stays as it was.
 * When it is done and has been checked, the file is written down in the volume block by block (snapshot-merge), which can be broken
 * off and begun again as often as need be.
 * Source: Documentation/admin-guide/device-mapper/snapshot.rst
 */

import { rm, truncate, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../common/durable-file.ts";
import { LuksmithError } from "../../common/errors.ts";
import { mustRun } from "../../common/exec.ts";
import { dmDevice } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { bytesPerDmSector, createDm, removeDm, snapshotUse } from "../tools/dmsetup.ts";
import { attachLoop, detachLoop } from "../tools/losetup.ts";
import { releaseLoops } from "./loops.ts";
import type { StackNames } from "./names.ts";

/** What is written to a piece of it takes all of the piece in the file, and first reads the rest of it from the volume. */
const pieceBytes = 16 * 2 ** 10;
/** For each piece its old and new place, 16 bytes, and some room for beginnings. */
const metadataFactor = 1 / 64;
const metadataBytes = 4 * 2 ** 20;
const pollMs = 200;
const pageBytes = 4096;

export interface Moved {
  readonly host: Host;
  readonly names: StackNames;
  /** The mapping. */
  readonly device: string;
  /** Of the mapping. */
  readonly bytes: number;
  /** On this machine's disk. */
  readonly file: string;
}

/**
 * Lets `work` write to what looks like the volume.
 * @param work gets the path of the device
 * @throws what `work` throws; "full" when this machine's disk has no room for what was written
 */
export async function writeApart(
  moved: Moved,
  work: (device: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { host, names, bytes, file } = moved;
  await forgetMoved(moved);
  await writeFile(file, "", { mode: 0o600, flag: "wx" });
  const size = bytes * (1 + metadataFactor) + metadataBytes;
  await truncate(file, Math.ceil(size / pageBytes) * pageBytes);
  await create(moved, "snapshot", signal);
  try {
    await work(await pathOf(names));
  } catch (error) {
    if ((await snapshotUse(host.exec, names.shrinking, signal).catch(() => "unknown")) !== undefined) throw error;
    throw noRoomHere(file, error);
  }
  if ((await snapshotUse(host.exec, names.shrinking, signal)) === undefined) throw noRoomHere(file, undefined);
  await remove(moved);
  await mustRun(host.exec, { file: "sync", args: ["--", file], deadlineMs: volumeDeadlineMs, signal });
  await syncDirectory(dirname(file));
}

/** Writes it down in the volume, from the beginning or from wherever that was broken off. What is done already costs nothing. */
export async function mergeMoved(moved: Moved, signal: AbortSignal): Promise<void> {
  const { host, names, file } = moved;
  await releaseLoops(host, names.volume, (loop) => loop.backingFile === file);
  await create(moved, "snapshot-merge", signal);
  for (;;) {
    const use = await snapshotUse(host.exec, names.shrinking, signal);
    if (use === undefined) {
      throw new LuksmithError("tool_failed", "the moved blocks could not be written to the volume", {
        hint: `they are in ${file}, which the next run on volume ${names.volume} goes on with`,
      });
    }
    if (use.sectors === use.metadataSectors) break;
    await host.clock.sleep(pollMs, signal);
  }
  await remove(moved);
}

export async function forgetMoved({ host, names, file }: Pick<Moved, "host" | "names" | "file">): Promise<void> {
  await releaseLoops(host, names.volume, (loop) => loop.backingFile === file);
  await rm(file, { force: true });
}

async function create(
  { host, names, device, bytes, file }: Moved,
  target: "snapshot" | "snapshot-merge",
  signal: AbortSignal,
) {
  const { exec } = host;
  const loop = await attachLoop(exec, { file, access: "read", sectorBytes: bytesPerDmSector }, signal);
  try {
    const table = `0 ${bytes / bytesPerDmSector} ${target} ${device} ${loop} P ${pieceBytes / bytesPerDmSector}`;
    await createDm(exec, names.shrinking, table);
  } finally {
    // it goes with the device above it
    await detachLoop(exec, loop);
  }
}

async function remove({ host, names, file }: Moved): Promise<void> {
  await removeDm(host.exec, [names.shrinking]);
  await releaseLoops(host, names.volume, (loop) => loop.backingFile === file);
}

async function pathOf(names: StackNames): Promise<string> {
  const device = await dmDevice(names.shrinking);
  if (device === undefined) throw new LuksmithError("tool_failed", `${names.shrinking} did not appear`);
  return device.path;
}

function noRoomHere(file: string, cause: unknown): LuksmithError {
  return new LuksmithError("full", `there is no room on this machine for the blocks that have to be moved: ${file}`, {
    hint: `the volume is as it was; df ${dirname(file)}`,
    cause,
  });
}
