/** Subvolumes of a mounted btrfs: btrfs-subvolume(8), btrfs-property(8), btrfs-filesystem(8). */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRead, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "./deadlines.ts";

/** BTRFS_FIRST_FREE_OBJECTID of linux/btrfs_tree.h: the root directory of each subvolume has it, and nothing else has. */
const rootInode = "256";

/** @param paths of what is there, on a btrfs */
export async function subvolumesAmong(
  exec: Exec,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set();
  const args = ["--format=%i", "--", ...paths];
  const said = await mustRead(exec, { file: "stat", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  const inodes = said.toString().trim().split("\n");
  return new Set(paths.filter((_path, index) => inodes[index] === rootInode));
}

export function createSubvolume(exec: Exec, path: string, signal: AbortSignal): Promise<void> {
  return subvolume(exec, ["create", "--", path], volumeDeadlineMs, signal);
}

/** A writable one, which shares everything with the older one; the kernel has it on disk when this returns. */
export function snapshotSubvolume(exec: Exec, from: string, path: string, signal: AbortSignal): Promise<void> {
  return subvolume(exec, ["snapshot", "--", from, path], volumeDeadlineMs, signal);
}

/** The next backup may go on with one that had been made read-only in the moment before it would have got its name. */
export async function setReadOnly(exec: Exec, path: string, isReadOnly: boolean, signal: AbortSignal): Promise<void> {
  const args = ["property", "set", "-t", "subvol", "--", path, "ro", `${isReadOnly}`];
  await mustRun(exec, { file: "btrfs", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
}

/** Its name is gone for good when this returns, whatever happens then; for its room see {@link awaitRemovals}. */
export function deleteSubvolume(exec: Exec, path: string, signal?: AbortSignal): Promise<void> {
  return subvolume(exec, ["delete", "--commit-after", "--", path], volumeDeadlineMs, signal);
}

/**
 * Waits until the room of all deleted subvolumes is free: the kernel takes them apart afterwards, one after another. Without the
 * sync it begins only with the next commit of its own, half a minute later.
 * @param path anything on the file system, which is mounted for writing
 */
export async function awaitRemovals(exec: Exec, path: string, signal?: AbortSignal): Promise<void> {
  const sync = { file: "btrfs", args: ["filesystem", "sync", "--", path], brief: true };
  await mustRun(exec, { ...sync, deadlineMs: wholeVolumeDeadlineMs, signal });
  await subvolume(exec, ["sync", "--", path], wholeVolumeDeadlineMs, signal);
}

/**
 * The number that the next inode in a subvolume gets. They count upwards as long as the volume is mounted, and go on from the
 * highest that there is when it is mounted anew: fs/btrfs/disk-io.c, btrfs_get_free_objectid()
 */
export async function nextInode(exec: Exec, subvolumePath: string, signal: AbortSignal): Promise<number> {
  const probe = `${subvolumePath}/.luksmith-probe`;
  const step = { brief: true, deadlineMs: volumeDeadlineMs, signal };
  await mustRun(exec, { ...step, file: "mkdir", args: ["--parents", "--mode=0700", "--", probe] });
  const said = await mustRead(exec, { ...step, file: "stat", args: ["--format=%i", "--", probe] });
  await mustRun(exec, { ...step, file: "rmdir", args: ["--", probe] });
  const inode = Number(said.toString());
  if (inode > 0) return inode;
  throw new LuksmithError("tool_failed", `stat says nothing of ${probe}`);
}

/** @throws {LuksmithError} "full"; "tool_failed" */
async function subvolume(exec: Exec, args: string[], deadlineMs: number, signal?: AbortSignal): Promise<void> {
  // what it prints on standard output repeats what it was told
  const command = { file: "btrfs", args: ["subvolume", ...args], brief: true, silent: true, deadlineMs, signal };
  const finished = await exec(command);
  if (finished.exitCode === 0) return;
  if (/No space left on device|Disk quota exceeded/.test(finished.stderr)) {
    throw new LuksmithError("full", "there is no room left", { cause: finished });
  }
  throw new LuksmithError("tool_failed", `btrfs subvolume failed: ${lastWords(finished)}`, { cause: finished });
}
