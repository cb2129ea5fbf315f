/** What Node has no word for about files. */

import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** With O_DIRECTORY in it (asm-generic/fcntl.h). */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
/** stat(2): "number of 512 B blocks allocated" */
const blockBytes = 512;

/** What the first file that a child is handed is called there: the descriptor after the standard ones. */
export const firstFd = 3;
export const firstFileInChild = `/proc/self/fd/${firstFd}`;

/** A file that has no name, and is gone when it is closed (open(2), O_TMPFILE). */
export function openUnnamed(directory: string): Promise<FileHandle> {
  return open(directory, O_TMPFILE | constants.O_RDWR, 0o600);
}

/** What it takes on the disk. */
export function allocatedBytes({ blocks }: Pick<Stats, "blocks">): number {
  return blocks * blockBytes;
}

/** The same file, by whatever names or descriptors. */
export function isSameFile(a: Pick<Stats, "dev" | "ino">, b: Pick<Stats, "dev" | "ino">): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
