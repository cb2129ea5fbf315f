/** A machine's images: made, resized, looked at. What is exported at the moment is left alone. */

import type { FileHandle } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { formatBytes } from "../../common/units.ts";
import { allocatedBytes } from "./file.ts";
import { lockedExit, underLock } from "./image-lock.ts";
import type { MachineDirectory } from "./machine-directory.ts";

const lookDeadlineMs = 10_000;

export interface ImageStat {
  readonly bytes: number;
  readonly allocatedBytes: number;
  readonly modifiedAt: Date;
  /** Some session has it. */
  readonly isExported: boolean;
}

export async function statImage(exec: Exec, directory: MachineDirectory, image: string): Promise<ImageStat> {
  await using file = await directory.open(image);
  const stat = await file.stat();
  return {
    bytes: stat.size,
    allocatedBytes: allocatedBytes(stat),
    modifiedAt: stat.mtime,
    isExported: !(await isFree(exec, file)),
  };
}

/** @throws {LuksmithError} "usage" for less than there is without `shrink`, "locked" while it is exported */
export async function resizeImage(
  exec: Exec,
  directory: MachineDirectory,
  image: string,
  { bytes, shrink }: { bytes: number; shrink: boolean },
): Promise<void> {
  await using file = await directory.open(image);
  const { size } = await file.stat();
  if (bytes < size && !shrink) {
    throw new LuksmithError("usage", `the image has ${formatBytes(size)}, and less was not asked for in so many words`);
  }
  if (!(await isFree(exec, file))) throw new LuksmithError("locked", "a session has the image");
  await file.truncate(bytes);
  await file.sync();
}

/** Whether nobody has a lock on it, which every nbd-server does. */
export async function isFree(exec: Exec, file: FileHandle): Promise<boolean> {
  const { exitCode } = await exec({
    file: "flock",
    args: underLock("true"),
    fds: [file.fd],
    deadlineMs: lookDeadlineMs,
    silent: true,
  });
  return exitCode !== lockedExit;
}
