/** The empty directories that a stack's mounts are put on. */

import { lstat, readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasErrno } from "../../common/errors.ts";

export async function removeMountPoint(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    if (!hasErrno(error, "ENOTEMPTY")) throw error;
    await removeStrayFiles(path);
    await rmdir(path);
  }
}

/**
 * What was to be written on the backup host a moment after its mount had vanished is here, in the empty directory that the mount
 * was on. Only what certainly is on this machine is removed: on the directory's own file system.
 */
async function removeStrayFiles(directory: string): Promise<void> {
  const { dev } = await lstat(dirname(directory));
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const found = await lstat(path);
    if (found.dev === dev && found.isFile()) await rm(path);
  }
}
