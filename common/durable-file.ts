/** Files that are there whole or not at all, even when the power goes. */

import { chmod, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes beside the file, syncs, renames over it, syncs the directory (rename(2) alone orders nothing on disk). The
 * directory is made when missing, for its owner alone.
 */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fresh = `${path}.new`;
  const file = await open(fresh, "w", mode);
  try {
    await chmod(fresh, mode);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  await syncDirectory(directory);
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
