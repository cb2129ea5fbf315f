/** sort(1): any number of records in the order of their bytes, in bounded memory. */

import { mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { allOrNone } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { mustRun } from "../../common/exec.ts";
import type { Host } from "../system/host.ts";
import { wholeVolumeDeadlineMs } from "./deadlines.ts";
import { put } from "./put.ts";
import { RecordSplitter } from "./record-splitter.ts";

/** What is more than this goes to files; of the names of a million files, that is one or two. */
const memory = "64M";
/** As often it is looked whether there is room for more. */
export const lookEveryBytes = 16 * 2 ** 20;
/** What is left to everything else that the agent writes there, whoever sorts; a tenth of a small disk. */
const leftBytes = 256 * 2 ** 20;

/** A disk, unlike /tmp, which may be memory itself; and root's alone, since sort works for whoever has asked. */
export function spillDirectory(stateDir: string): string {
  return join(stateDir, "sorting");
}

/** What a killed sort has left. */
export async function releaseSorting(stateDir: string): Promise<void> {
  await rm(spillDirectory(stateDir), { recursive: true, force: true });
}

/** @throws {LuksmithError} "full" */
export async function requireRoomForNames(stateDir: string): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(stateDir);
  if (hasRoom({ freeBytes: bavail * bsize, sizeBytes: blocks * bsize })) return;
  throw new LuksmithError("full", `there is no room for so many names in ${stateDir}`, {
    hint: "ask for less: a path, or one snapshot",
  });
}

/** Pure. */
export function hasRoom({ freeBytes, sizeBytes }: { freeBytes: number; sizeBytes: number }): boolean {
  return freeBytes >= Math.min(leftBytes, sizeBytes / 10);
}

export interface SortSpec<T> {
  /** Hands over the records, a NUL behind each, in pieces of any size. */
  readonly feed: (give: (piece: Buffer) => Promise<void>, signal: AbortSignal) => Promise<T>;
  /** Gets them back in order, some at a time, without their NULs. */
  readonly take: (records: readonly Buffer[]) => Promise<void>;
}

/** @returns what `feed` does @throws what it throws; {LuksmithError} "full" when there is no room to sort */
export async function sorted<T>(
  { exec, stateDir }: Pick<Host, "exec" | "stateDir">,
  { feed, take }: SortSpec<T>,
  signal: AbortSignal,
): Promise<T> {
  const directory = spillDirectory(stateDir);
  // where nothing can be written, what fits into memory is sorted all the same
  await mkdir(directory, { mode: 0o700 }).catch(() => undefined);
  const over = new AbortController();
  const within = AbortSignal.any([signal, over.signal]);
  const stdin = new PassThrough();
  const splitter = new RecordSplitter(0);
  let unlooked = 0;
  const give = async (piece: Buffer) => {
    unlooked += piece.length;
    if (unlooked >= lookEveryBytes) {
      unlooked = 0;
      await requireRoomForNames(stateDir);
    }
    await put(stdin, piece, within);
  };
  const feeding = async () => {
    const result = await feed(give, within);
    stdin.end();
    return result;
  };
  const sorting = mustRun(exec, {
    file: "sort",
    args: ["--zero-terminated", `--buffer-size=${memory}`, `--temporary-directory=${directory}`],
    stdin,
    deadlineMs: wholeVolumeDeadlineMs,
    signal: within,
    onStdout: (chunk) => take(splitter.push(chunk)),
  });
  const [result] = await allOrNone(over, feeding(), sorting);
  return result;
}
