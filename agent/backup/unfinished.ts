/** Which files of an interrupted snapshot may not be what their size and time say, and what is done about it. Pure. */

import { join } from "node:path";
import type { PartialState } from "./partial-states.ts";

/** Below that it is quicker to send a file again than to compare it across the link. */
const worthComparingBytes = 64 * 2 ** 10;
/** By so much clocks are set back unnoticed, and files dated later than they were written. */
const slackMs = 2000;

export interface PartialFile {
  readonly bytes: number;
  readonly links: number;
  /** Of its contents or its inode (st_ctime), and of its inode's making; milliseconds since 1970. */
  readonly changedMs: number;
  readonly bornMs: number;
}

/**
 * Whether some of it may never have reached the backup host's disk. A file system that breaks off may have a file's size and
 * time, but not all of its contents: it was written over in place, or its end is a hole.
 *
 * To share a file changes its inode as well; but one that is shared with an earlier snapshot was made before this one was begun.
 */
export function isDoubtful(
  { links, changedMs, bornMs }: PartialFile,
  { begunMs, settledMs, isClosed }: PartialState,
  nowMs: number,
): boolean {
  if (isClosed) return false;
  // the clock was set back meanwhile, and says nothing: before the snapshot was begun, or that all was written out in the future
  if (changedMs < begunMs - slackMs) return true;
  if (links > 1 && bornMs < begunMs - slackMs) return false;
  return settledMs === undefined || settledMs > nowMs + slackMs || changedMs >= settledMs - slackMs;
}

/** A doubtful file is compared with the machine's, and completed; otherwise it is removed, and sent again. */
export function isWorthComparing({ bytes, links }: PartialFile): boolean {
  // what is written into a file that has another name changes that one as well
  return links === 1 && bytes >= worthComparingBytes;
}

/** A doubtful file that is worth comparing. */
export interface Beginning {
  /** The interrupted snapshot's directory. */
  readonly snapshot: string;
  /** Where it is in it. */
  readonly at: string;
  /** Where it belongs, and is on the machine below "/". */
  readonly path: string;
  readonly bytes: number;
}

/**
 * rsync writes to ".NAME.XXXXXX" until the file is whole (rsync(1), --temp-dir). What merely looks like that is sent again.
 * @returns `path` itself when it does not look like that
 */
export function intendedPath(path: string): string {
  const [, directory = "", name] = /^(.*\/)?\.([^/]+)\.[A-Za-z0-9]{6}$/.exec(path) ?? [];
  return name === undefined || name === "." || name === ".." ? path : join(directory, name);
}

/** The longest beginning of each file that is on the machine. */
export function longest(beginnings: readonly Beginning[], isThere: (path: string) => boolean): Beginning[] {
  const found = new Map<string, Beginning>();
  for (const beginning of beginnings) {
    const { path, bytes } = beginning;
    if (isThere(path) && bytes > (found.get(path)?.bytes ?? 0)) found.set(path, beginning);
  }
  return [...found.values()];
}
