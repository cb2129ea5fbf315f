/** e2fsprogs: mkfs.ext4(8), e2fsck(8), dumpe2fs(8), resize2fs(8). */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRead, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "./deadlines.ts";
import { FilesystemError, type Suitability, type Superblock } from "./filesystem.ts";

/**
 * From 16 GiB on mke2fs makes journals of 128 MiB to 1 GiB, which all cross the wire at creation; one writer at a
 * time never needs more than this.
 */
const journalMiB = 64;
const bigFilesystemBytes = 16 * 2 ** 30;

/** Smaller ones, which older mke2fs gives small file systems, hold no fractions of a second and no year after 2037. */
const inodeBytes = 256;

/** No lazy initialisation (it would go on over the wire in the background of later runs), nothing reserved for root. */
export async function makeExt4(exec: Exec, device: string, bytes: number, uuid: string, signal: AbortSignal) {
  const args = [
    ...["-q", "-m", "0", "-I", `${inodeBytes}`, "-U", uuid, "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"],
    ...(bytes >= bigFilesystemBytes ? ["-J", `size=${journalMiB}`] : []),
    ...["--", device],
  ];
  await mustRun(exec, { file: "mkfs.ext4", args, deadlineMs: wholeVolumeDeadlineMs, signal });
}

/**
 * Reads the superblock and nothing else. @returns undefined when there is no ext4 file system on the device
 * @throws {LuksmithError} "tool_failed" when the device cannot be read
 */
export async function readSuperblock(exec: Exec, device: string, signal: AbortSignal): Promise<Superblock | undefined> {
  const dump = await dumpSuperblock(exec, device, signal);
  return dump === undefined ? undefined : parseSuperblock(dump);
}

/**
 * Of a file system that is not mounted. @returns false as well when there is no journal that could be read
 * @throws {LuksmithError} "tool_failed" when the device cannot be read
 */
export async function hasJournalToReplay(exec: Exec, device: string, signal: AbortSignal): Promise<boolean> {
  return parseJournal((await dumpSuperblock(exec, device, signal)) ?? "");
}

/**
 * Without the feature a mount would not replay but empty it: ext4_load_journal of fs/ext4/super.c. The journal starts at block 0
 * when nothing is in it: journal_superblock_t of linux/jbd2.h, s_start.
 */
export function parseJournal(dump: string): boolean {
  return needsRecovery(dump) && Number(field(dump, "Journal start") ?? 0) > 0;
}

/** Of one that somebody else has made. */
export async function ext4Suitability(exec: Exec, device: string, signal: AbortSignal): Promise<Suitability> {
  return parseSuitability((await dumpSuperblock(exec, device, signal)) ?? "");
}

export function parseSuitability(dump: string): Suitability {
  const features = field(dump, "Filesystem features")?.split(/\s+/) ?? [];
  const hasJournal = features.includes("has_journal");
  const written = new Date(`${field(dump, "Last write time") ?? ""} UTC`);
  return {
    fault: hasJournal ? undefined : "its file system has no journal, as ext4 has: what breaks off would damage it",
    warning:
      Number(field(dump, "Inode size")) < inodeBytes
        ? "its inodes hold no fractions of a second: a file of which they differ is copied again by the next backup, and each one after"
        : undefined,
    writtenAt: Number.isNaN(written.getTime()) ? undefined : written,
  };
}

async function dumpSuperblock(exec: Exec, device: string, signal: AbortSignal): Promise<string | undefined> {
  const args = ["-h", "--", device];
  // times are printed in the machine's zone
  const env = { TZ: "UTC" };
  const finished = await exec({ file: "dumpe2fs", args, env, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (finished.exitCode === 0) return finished.stdout.toString("latin1");
  // that it could not be read says nothing about what is there
  if (finished.stderr.includes("Input/output error")) {
    throw new LuksmithError("tool_failed", "the file system cannot be read: input/output error", { cause: finished });
  }
  return undefined;
}

export function parseSuperblock(text: string): Superblock | undefined {
  const uuid = field(text, "Filesystem UUID");
  const state = field(text, "Filesystem state");
  if (uuid === undefined || state === undefined) return undefined;
  return { uuid, clean: state === "clean" && !needsRecovery(text) };
}

function needsRecovery(dump: string): boolean {
  return field(dump, "Filesystem features")?.split(/\s+/).includes("needs_recovery") ?? false;
}

function field(dump: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(dump)?.[1]?.trim();
}

/**
 * Source: e2fsck(8), EXIT CODE: 1 = errors corrected, 2 = corrected and a reboot suggested (when mounted), 4 = errors
 * left uncorrected, 8 and up = it could not work.
 * A journal must have been replayed before, see filesystem/ext4.ts.
 * @param how "repair" says yes to whatever e2fsck asks; "preen" repairs what is safe to repair; "look" (-n) changes nothing; "full" preens even what says it is clean
 * @returns whether the file system was in order from the start
 * @throws {FilesystemError} "tool_failed" when errors are left; {LuksmithError} "tool_failed" when it could not work
 */
export async function checkExt4(
  exec: Exec,
  device: string,
  how: "preen" | "look" | "full" | "repair",
  signal: AbortSignal,
): Promise<boolean> {
  const flags = { preen: ["-p"], look: ["-n", "-f"], full: ["-p", "-f"], repair: ["-y", "-f"] }[how];
  const args = [...flags, "--", device];
  const finished = await exec({ file: "e2fsck", args, deadlineMs: wholeVolumeDeadlineMs, signal });
  if (finished.exitCode === 0) return true;
  if (finished.exitCode === 1 || finished.exitCode === 2) return false;
  const said = finished.stdout.toString().trim().split("\n").at(-1) || lastWords(finished);
  if (finished.exitCode >= 8) throw new LuksmithError("tool_failed", `e2fsck failed: ${said}`, { cause: finished });
  throw new FilesystemError("tool_failed", `e2fsck found errors it left as they are: ${said}`, { cause: finished });
}

/**
 * Grows the file system to the size of its device. When it is mounted, the kernel does it, as changes like any other; what
 * interrupts resize2fs(8) on one that is not leaves it with errors that e2fsck asks about.
 */
export async function growExt4(exec: Exec, device: string, signal: AbortSignal): Promise<void> {
  await mustRun(exec, { file: "resize2fs", args: [device], deadlineMs: wholeVolumeDeadlineMs, signal });
}

/** Of a device that what is in it could be moved together on; an estimate. Changes nothing. Source: resize2fs(8), -P */
export async function leastExt4Bytes(exec: Exec, device: string, signal: AbortSignal): Promise<number> {
  const args = ["-P", device];
  const said = await mustRead(exec, { file: "resize2fs", args, deadlineMs: wholeVolumeDeadlineMs, signal });
  const blocks = /^Estimated minimum size of the filesystem: (\d+)$/m.exec(said.toString())?.[1];
  const blockBytes = Number(field((await dumpSuperblock(exec, device, signal)) ?? "", "Block size"));
  if (blocks === undefined || !(blockBytes > 0)) {
    throw new LuksmithError("tool_failed", "resize2fs does not say how small the file system can get");
  }
  return Number(blocks) * blockBytes;
}

/** Of the file system, whatever its device has. @throws {LuksmithError} "tool_failed" when there is none */
export async function ext4Bytes(exec: Exec, device: string, signal: AbortSignal): Promise<number> {
  const dump = (await dumpSuperblock(exec, device, signal)) ?? "";
  const bytes = Number(field(dump, "Block count")) * Number(field(dump, "Block size"));
  if (bytes > 0) return bytes;
  throw new LuksmithError("tool_failed", "the file system does not say how large it is");
}

/**
 * Makes the file system smaller, which must not be mounted and has to have been checked. It moves inodes and blocks in no order that
 * could be broken off: whoever calls this keeps what it writes apart.
 */
export async function shrinkExt4(exec: Exec, device: string, bytes: number, signal: AbortSignal): Promise<void> {
  const args = [device, `${Math.floor(bytes / 1024)}K`];
  await mustRun(exec, { file: "resize2fs", args, deadlineMs: wholeVolumeDeadlineMs, signal });
}
