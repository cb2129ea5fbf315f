/** A machine's images: made, resized, looked at. What is exported at the moment is left alone. */

import type { FileHandle } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { formatBytes } from "../../common/units.ts";
import type { MachineDirectory } from "./machine-directory.ts";

/** stat(2): "number of 512 B blocks allocated" */
const blockBytes = 512;
const lookDeadlineMs = 10_000;
/** flock(1) and what it starts say so when somebody else has the file. */
const lockedExit = 75;

export interface ImageStat {
  readonly bytes: number;
  readonly allocatedBytes: number;
  readonly modifiedAt: Date;
  /** Some session has it. */
  readonly isExported: boolean;
}

export async function statImage(exec: Exec, directory: MachineDirectory, image: string): Promise<ImageStat> {
  await using file = await directory.open(image);
  const { size, blocks, mtime } = await file.stat();
  return {
    bytes: size,
    allocatedBytes: blocks * blockBytes,
    modifiedAt: mtime,
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
    args: ["--exclusive", "--nonblock", "--conflict-exit-code", `${lockedExit}`, "/proc/self/fd/3", "true"],
    fds: [file.fd],
    deadlineMs: lookDeadlineMs,
    silent: true,
  });
  return exitCode !== lockedExit;
}
