/** A machine's images: resized, looked at, taken back. Whoever works on one has its lock while they do; what a session has is left alone. */

import type { FileHandle } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { quoteText } from "../../common/quote.ts";
import { formatBytes } from "../../common/units.ts";
import { allocatedBytes } from "./file.ts";
import { lockOrClose, tryLock } from "./file-lock.ts";
import type { MachineDirectory } from "./machine-directory.ts";

/** A machine that exchanges the image again and again gets no further than this. */
const mostTries = 3;
/** Who only looks has it for a moment. */
const momentMs = 500;

export interface ImageStat {
  readonly bytes: number;
  readonly allocatedBytes: number;
  readonly modifiedAt: Date;
  /** Some session has it. */
  readonly isExported: boolean;
}

/**
 * An image, open and locked for as long as it is open: nobody else serves it, resizes it or copies it meanwhile.
 * @throws {LuksmithError} "locked" when somebody has it, and what {@link MachineDirectory.open} throws
 */
export async function lockImage(exec: Exec, directory: MachineDirectory, image: string): Promise<FileHandle> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const file = await lockOrClose(exec, await directory.open(image), { waitMs: momentMs });
    if (file === undefined) break;
    try {
      // what was put into its place while we looked is another image, with another lock
      if (await directory.leadsTo(image, file)) return file;
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
  }
  throw new LuksmithError("locked", `a session has ${quoteText(image)}`, {
    hint: "wait until it is done there; what a machine that has vanished had is free again within a minute",
  });
}

export async function statImage(exec: Exec, directory: MachineDirectory, image: string): Promise<ImageStat> {
  await using file = await directory.open(image);
  // with others who look, and gone with the file: it is in nobody's way for longer than a moment
  const isExported = !(await tryLock(exec, file, { shared: true }));
  const stat = await file.stat();
  return { bytes: stat.size, allocatedBytes: allocatedBytes(stat), modifiedAt: stat.mtime, isExported };
}

/** @throws {LuksmithError} "usage" for less than there is without `shrink`, "locked" while somebody has it */
export async function resizeImage(
  exec: Exec,
  directory: MachineDirectory,
  image: string,
  { bytes, shrink }: { bytes: number; shrink: boolean },
): Promise<void> {
  await using file = await lockImage(exec, directory, image);
  const { size } = await file.stat();
  if (bytes < size && !shrink) {
    throw new LuksmithError("usage", `the image has ${formatBytes(size)}, and less was not asked for in so many words`);
  }
  await file.truncate(bytes);
  await file.sync();
}

/** @throws {LuksmithError} "locked" while somebody has it */
export async function removeImage(exec: Exec, directory: MachineDirectory, image: string): Promise<void> {
  await using _ = await lockImage(exec, directory, image);
  await directory.remove(image);
}
