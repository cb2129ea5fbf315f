/**
 * Files on a mounted backup host, the small ones to be read and written, by children: the host may never answer. Nothing here
 * follows a link, provided that the mount is confined (nosymfollow), and nothing is opened that is no regular file.
 */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs } from "./deadlines.ts";

const mostBytes = 4096;
/** Each write is a round trip, and dd's own blocks are of 512 bytes. */
const writeAtOnce = ["bs=128K", "iflag=fullblock"];
const fileTypeMask = 0o170000;
const regularFile = 0o100000;
const typeNames: ReadonlyMap<number, string> = new Map([
  [0o120000, "a symbolic link"],
  [0o040000, "a directory"],
  [0o060000, "a block device"],
  [0o020000, "a character device"],
  [0o010000, "a FIFO"],
  [0o140000, "a socket"],
]);

/** lstat(2) of something on the host. */
export interface RemoteStat {
  /** st_mode */
  readonly mode: number;
  readonly bytes: number;
  readonly allocatedBytes: number;
  /** "major:minor" of the file system it is on. */
  readonly device: string;
  /** When its content last changed by the host's clock, in seconds since 1970. */
  readonly writtenSeconds: number;
}

export interface RemoteFile {
  /** Undefined when it is no regular file. */
  readonly text: string | undefined;
  /** By the host's clock, in whole seconds. */
  readonly writtenSeconds: number;
}

/**
 * O_CREAT | O_EXCL, decided by the host. SFTP has one word for all that may be wrong with that. Cannot be cancelled; it ends when
 * the mount is broken.
 * @returns false when it is there already, or could not be made and written; then what was made is removed again
 */
export async function createExclusively(exec: Exec, path: string, content: string): Promise<boolean> {
  const args = ["status=none", "conv=excl", ...writeAtOnce, `of=${path}`];
  const made = await exec({ file: "dd", args, stdin: content, brief: true, deadlineMs: volumeDeadlineMs });
  if (made.exitCode === 0) return true;
  if (!/: failed to open /.test(made.stderr)) await removeRemoteFiles(exec, [path]);
  return false;
}

/** @returns undefined when there is nothing @throws {LuksmithError} "tool_failed" when it cannot be looked at */
export async function statRemote(exec: Exec, path: string, signal: AbortSignal): Promise<RemoteStat | undefined> {
  // stat(1): %f mode in hex, %s size, %b blocks of %B bytes, %Hd:%Ld device, %Y time of the last change
  const args = ["--format=%f %s %b %B %Hd:%Ld %Y", "--", path];
  const finished = await exec({ file: "stat", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (finished.exitCode !== 0) {
    if (finished.stderr.endsWith("No such file or directory")) return undefined;
    throw new LuksmithError("tool_failed", `${path} cannot be looked at: ${lastWords(finished)}`, { cause: finished });
  }
  const [mode = "", bytes, blocks, blockBytes, device = "", written] = finished.stdout.toString().trim().split(" ");
  return {
    mode: Number.parseInt(mode, 16),
    bytes: Number(bytes),
    allocatedBytes: Number(blocks) * Number(blockBytes),
    device,
    writtenSeconds: Number(written),
  };
}

/** Undefined for a regular file, otherwise what it is, with its article. Source: inode(7) */
export function otherType(mode: number): string | undefined {
  const type = mode & fileTypeMask;
  return type === regularFile ? undefined : (typeNames.get(type) ?? "of an unknown type");
}

/** @returns undefined when there is none @throws {LuksmithError} "tool_failed" when it cannot be looked at */
export async function readRemoteFile(exec: Exec, path: string, signal: AbortSignal): Promise<RemoteFile | undefined> {
  const stat = await statRemote(exec, path, signal);
  if (stat === undefined) return undefined;
  const { writtenSeconds } = stat;
  if (otherType(stat.mode) !== undefined) return { text: undefined, writtenSeconds };
  const args = ["--bytes", `${mostBytes}`, "--", path];
  const read = await exec({ file: "head", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  return { text: read.exitCode === 0 ? read.stdout.toString() : undefined, writtenSeconds };
}

/** Writes over what is there, which must be as long. */
export async function overwrite(exec: Exec, path: string, content: string, signal: AbortSignal): Promise<void> {
  const args = ["status=none", "conv=notrunc,nocreat", "oflag=nofollow", ...writeAtOnce, `of=${path}`];
  await mustRun(exec, { file: "dd", args, stdin: content, brief: true, deadlineMs: volumeDeadlineMs, signal });
}

/** Takes the place of `to`, if that is there. */
export async function moveRemoteFile(exec: Exec, from: string, to: string, signal: AbortSignal): Promise<void> {
  const args = ["--no-target-directory", "--force", "--", from, to];
  await mustRun(exec, { file: "mv", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
}

export async function removeRemoteFiles(exec: Exec, paths: readonly string[], signal?: AbortSignal): Promise<void> {
  await mustRun(exec, {
    file: "rm",
    args: ["--force", "--", ...paths],
    brief: true,
    deadlineMs: volumeDeadlineMs,
    signal,
  });
}
