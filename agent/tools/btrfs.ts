/** btrfs-progs: mkfs.btrfs(8), btrfs-inspect-internal(8), btrfs-check(8), btrfs-filesystem(8). */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords, mustRead, mustRun } from "../../common/exec.ts";
import { utf8Name } from "../../common/file-name.ts";
import { bytesOf } from "../system/block-devices.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "./deadlines.ts";
import { FilesystemError, type Superblock } from "./filesystem.ts";

/** What Linux 4.9 and later can mount (4.14 once something is compressed), whatever mkfs.btrfs has for its default by then. */
const features = ["extref", "skinny-metadata", "^no-holes"];

/**
 * Metadata twice, so that what is damaged of it is mended from its copy; of data the loss is known by its checksum. With "no-holes",
 * a file could be told whole after a break while its middle has not come: see btrfs_inode_safe_disk_i_size_write(), fs/btrfs/file-item.c.
 * It chooses the UUID: one that it is told it would look for on all devices of the machine, among them those of a host that hangs.
 */
export async function makeBtrfs(exec: Exec, device: string, signal: AbortSignal): Promise<void> {
  const args = [
    ...["--quiet", "--nodiscard", "--metadata", "dup", "--data", "single", "--sectorsize", "4096", "--csum", "crc32c"],
    ...["--features", features.join(","), "--runtime-features", "free-space-tree", "--", device],
  ];
  await mustRun(exec, { file: "mkfs.btrfs", args, deadlineMs: wholeVolumeDeadlineMs, signal });
}

/**
 * Reads the superblock and nothing else. @returns undefined when there is no btrfs file system on the device
 * @throws {LuksmithError} "tool_failed" when the device cannot be read
 */
export async function readBtrfsSuperblock(
  exec: Exec,
  device: string,
  signal: AbortSignal,
): Promise<Superblock | undefined> {
  const args = ["inspect-internal", "dump-super", "--", device];
  const finished = await exec({ file: "btrfs", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (finished.exitCode === 0) return parseBtrfsSuperblock(finished.stdout.toString("latin1"));
  if (finished.stderr.includes("bad magic")) return undefined;
  throw new LuksmithError("tool_failed", `the file system cannot be read: ${lastWords(finished)}`, { cause: finished });
}

export function parseBtrfsSuperblock(text: string): Superblock | undefined {
  const field = (name: string) => new RegExp(`^${name}[ \\t]+(.*)$`, "m").exec(text)?.[1]?.trim();
  const uuid = field("fsid");
  const isWhole = field("csum")?.endsWith("[match]") === true && field("num_devices") === "1";
  if (uuid === undefined || !isWhole) return undefined;
  // what was synced since the last commit, and is in the trees only when the next mount has put it there
  return { uuid, clean: field("log_root") === "0" };
}

/**
 * Reads all metadata; changes nothing. Of data it sees no more than whether there are checksums.
 * @throws {FilesystemError} "tool_failed" when there are errors
 */
export async function checkBtrfs(exec: Exec, device: string, signal: AbortSignal): Promise<void> {
  const args = ["check", "--readonly", "--", device];
  const finished = await exec({ file: "btrfs", args, deadlineMs: wholeVolumeDeadlineMs, signal });
  if (finished.exitCode === 0) return;
  // it ends in the same way when it cannot look
  if (/Input\/output error|currently mounted|busy|No such|cannot open device/.test(finished.stderr)) {
    throw new LuksmithError("tool_failed", `btrfs check failed: ${lastWords(finished)}`, { cause: finished });
  }
  throw new FilesystemError("tool_failed", `btrfs check found errors: ${lastWords(finished)}`, { cause: finished });
}

/** Writes a superblock that is damaged anew from a good one, if there is one. @returns whether all were good */
export async function recoverBtrfsSuperblocks(exec: Exec, device: string, signal: AbortSignal): Promise<boolean> {
  const args = ["rescue", "super-recover", "-y", "--", device];
  const finished = await exec({ file: "btrfs", args, deadlineMs: volumeDeadlineMs, signal });
  // btrfs-rescue(8) has no word of its exit codes; cmds/rescue-super-recover.c: 0 = all are good, 2 = recovered
  if (finished.exitCode === 0) return true;
  if (finished.exitCode === 2) return false;
  throw new FilesystemError("tool_failed", `no superblock could be recovered: ${lastWords(finished)}`, {
    cause: finished,
  });
}

/** Source: btrfs_ioctl_resize() in fs/btrfs/ioctl.c, "new_size < SZ_256M" */
export const leastResizedBtrfsBytes = 256 * 2 ** 20;

/** Grows a mounted file system to the size of its device, unless it has that, or the kernel would not do it: that is harmless. */
export async function growBtrfs(exec: Exec, device: string, filesDir: string, signal: AbortSignal): Promise<void> {
  const [bytes, deviceBytes] = await Promise.all([btrfsBytes(exec, device, signal), bytesOf(device)]);
  if (bytes === deviceBytes || deviceBytes < leastResizedBtrfsBytes) return;
  const args = ["filesystem", "resize", "--", "max", filesDir];
  await mustRun(exec, { file: "btrfs", args, deadlineMs: wholeVolumeDeadlineMs, signal });
}

/**
 * What a tree takes before compression, and what of it no other subvolume or file shares.
 * Source: btrfs-filesystem(8), du: "Total", "Exclusive"
 * @throws {LuksmithError} "usage" for a name that is not UTF-8: it has to be an argument; "tool_failed"
 */
export async function treeUse(
  exec: Exec,
  { cwd, path, as }: { cwd: string; path: Buffer; as: Command["as"] },
  signal: AbortSignal,
): Promise<{ bytes: number; ownBytes: number }> {
  const name = utf8Name(path);
  if (name === undefined) throw new LuksmithError("usage", "on btrfs only what has a name in UTF-8 can be measured");
  const args = ["filesystem", "du", "--raw", "--summarize", "--", name === "" ? "." : `./${name}`];
  const command = { file: "btrfs", args, cwd, as, deadlineMs: wholeVolumeDeadlineMs, signal };
  return parseTreeUse((await mustRead(exec, command)).toString("latin1"));
}

/** Pure. @throws {LuksmithError} "tool_failed" */
export function parseTreeUse(text: string): { bytes: number; ownBytes: number } {
  const [, bytes, ownBytes] = /^ *(\d+) +(\d+) +(?:\d+|-) +\./m.exec(text) ?? [];
  if (bytes === undefined) throw new LuksmithError("tool_failed", "btrfs filesystem du has not said what it found");
  return { bytes: Number(bytes), ownBytes: Number(ownBytes) };
}

/** Of a device that what is mounted could be moved together on. Source: btrfs-inspect-internal(8), min-dev-size */
export async function leastBtrfsBytes(exec: Exec, filesDir: string, signal: AbortSignal): Promise<number> {
  const args = ["inspect-internal", "min-dev-size", "--", filesDir];
  const said = await mustRead(exec, { file: "btrfs", args, deadlineMs: wholeVolumeDeadlineMs, signal });
  const bytes = /^(\d+) bytes/.exec(said.toString())?.[1];
  if (bytes === undefined) throw new LuksmithError("tool_failed", "btrfs does not say how small it can get");
  return Number(bytes);
}

/** Of the file system, whatever its device has. @throws {LuksmithError} "tool_failed" when there is none */
export async function btrfsBytes(exec: Exec, device: string, signal: AbortSignal): Promise<number> {
  const args = ["inspect-internal", "dump-super", "--", device];
  const said = await mustRead(exec, { file: "btrfs", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  const bytes = Number(/^total_bytes[ \t]+(\d+)$/m.exec(said.toString("latin1"))?.[1]);
  if (bytes > 0) return bytes;
  throw new LuksmithError("tool_failed", "the file system does not say how large it is");
}

/** Moves what lies beyond, of a mounted file system, and then makes it smaller. */
export async function shrinkBtrfs(exec: Exec, filesDir: string, bytes: number, signal: AbortSignal): Promise<void> {
  const args = ["filesystem", "resize", "--", `${bytes}`, filesDir];
  await mustRun(exec, { file: "btrfs", args, deadlineMs: wholeVolumeDeadlineMs, signal });
}
