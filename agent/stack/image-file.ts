/** Looking at the image as the backup host shows it, before anything is built on it. */

import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import { formatBytes } from "../../common/units.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";

export interface ImageStat {
  /** st_mode, as stat(2) says. */
  readonly mode: number;
  readonly bytes: number;
  readonly allocatedBytes: number;
  /** "major:minor" of the file system it is on. */
  readonly device: string;
}

/** lstat(2) by a child, because the host may never answer. @returns undefined when there is no such file */
export async function statImage(exec: Exec, path: string, signal: AbortSignal): Promise<ImageStat | undefined> {
  // stat(1): %f mode in hex, %s size, %b blocks of %B bytes, %Hd:%Ld device
  const args = ["--format=%f %s %b %B %Hd:%Ld", "--", path];
  const finished = await exec({ file: "stat", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (finished.exitCode !== 0) {
    if (finished.stderr.endsWith("No such file or directory")) return undefined;
    throw new LuksmithError("tool_failed", `the image cannot be looked at: ${lastWords(finished)}`, {
      cause: finished,
    });
  }
  const [mode = "", bytes, blocks, blockBytes, device = ""] = finished.stdout.toString().trim().split(" ");
  return {
    mode: Number.parseInt(mode, 16),
    bytes: Number(bytes),
    allocatedBytes: Number(blocks) * Number(blockBytes),
    device,
  };
}

const fileTypeMask = 0o170000;
const typeNames: ReadonlyMap<number, string> = new Map([
  [0o120000, "a symbolic link"],
  [0o040000, "a directory"],
  [0o060000, "a block device"],
  [0o020000, "a character device"],
  [0o010000, "a FIFO"],
  [0o140000, "a socket"],
]);
const regularFile = 0o100000;

/**
 * Pure. Whether what the host shows can be the image: a regular file, on the very mount, as large as it was.
 * @throws {LuksmithError} "tampered" with what is wrong
 */
export function requireImage(
  stat: ImageStat,
  expected: { name: string; remote: string; device: string; bytes: number },
): void {
  const type = stat.mode & fileTypeMask;
  const tampered = (what: string) =>
    new LuksmithError("tampered", `the image ${expected.name} on ${expected.remote} ${what}`, {
      hint: "look at it on the backup host; nothing was opened",
    });
  if (type !== regularFile) throw tampered(`is ${typeNames.get(type) ?? "of an unknown type"}, not a regular file`);
  if (stat.device !== expected.device) throw tampered("is not on the backup host's file system");
  if (stat.bytes < expected.bytes) {
    throw tampered(`has been truncated: ${formatBytes(stat.bytes)} are there of ${formatBytes(expected.bytes)}`);
  }
}

/** A missing image, and whether its directory is missing too: the two need different next steps. */
export async function missingImage(exec: Exec, remoteDir: string, name: string, remote: string, signal: AbortSignal) {
  const directory = await statImage(exec, join(remoteDir, "."), signal);
  return directory === undefined
    ? new LuksmithError("not_found", `the directory of ${remote} is not there on the backup host`, {
        hint: `make it there, or correct remotes.${remote}.path`,
      })
    : new LuksmithError("not_found", `there is no image ${name} on ${remote}`, {
        hint: "has it been moved or deleted on the backup host",
      });
}
