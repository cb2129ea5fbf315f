/** Which files of an interrupted snapshot are not what their size and time say, and which are worth going on with. Pure. */

import { join } from "node:path";

/** Below that a file is simply sent again. */
export const largeBytes = 2 ** 20;
/** st_blocks counts in these, whatever the file system's blocks are (stat(2)). */
const bytesPerBlock = 512;

/** A large file in an interrupted snapshot. */
export interface Beginning {
  /** The interrupted snapshot's directory. */
  readonly snapshot: string;
  /** Where it is in it. */
  readonly at: string;
  /** Where it belongs, and is on the machine below "/". */
  readonly path: string;
  readonly bytes: number;
}

/** It has holes. */
export function isSparse({ blocks, bytes }: { blocks: number; bytes: number }): boolean {
  return blocks * bytesPerBlock < bytes;
}

/**
 * rsync writes to ".NAME.XXXXXX" until the file is whole (rsync(1), --temp-dir). What merely looks like that loses nothing by
 * being taken for it: rsync compares it with the file that it would be.
 */
export function intendedPath(path: string): string {
  const [, directory = "", name] = /^(.*\/)?\.([^/]+)\.[A-Za-z0-9]{6}$/.exec(path) ?? [];
  return name === undefined ? path : join(directory, name);
}

/** The longest beginning of each file that is longer than that on the machine. @param sizes by path */
export function unfinished(beginnings: readonly Beginning[], sizes: ReadonlyMap<string, number>): Beginning[] {
  const longest = new Map<string, Beginning>();
  for (const beginning of beginnings) {
    const { path, bytes } = beginning;
    if (bytes < (sizes.get(path) ?? 0) && bytes > (longest.get(path)?.bytes ?? 0)) longest.set(path, beginning);
  }
  return [...longest.values()];
}
