/** Everything below a path of a snapshot, in order, with the eyes of the one who asks. */

import type { Writable } from "node:stream";
import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords } from "../../common/exec.ts";
import { FileEntry } from "../../proto/gen/luksmith/v1/types.ts";
import type { Host } from "../system/host.ts";
import { wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { entryTypes } from "../tools/find.ts";
import { put } from "../tools/put.ts";
import { sorted } from "../tools/sort.ts";
import { findStart, fromSortable, pathEnd, pathOfKey, splitSortable, toSortable } from "./sortable-path.ts";

export interface TreeSpec {
  readonly cwd: string;
  /** Relative to it; it is there. Empty for all. */
  readonly path: Buffer;
  readonly as: Command["as"];
}

/** Type, mode, owner, group, size, time, device and inode, and where a link points. */
const format = `%p${pathEnd}%y %m %U %G %s %T@ %D:%i %l\\0`;

/** One thing in a tree. */
export interface Seen {
  readonly entry: FileEntry;
  /** To the nanosecond, as find prints it. */
  readonly time: string;
  /** Device and inode: two that have the same are one file. */
  readonly inode: string;
}

/**
 * Writes the records to `into`, an array of some at a time, and ends it.
 * @returns incomplete when some directories could not be looked into
 */
export async function listTree(
  host: Pick<Host, "exec" | "stateDir">,
  spec: TreeSpec,
  into: Writable,
  signal: AbortSignal,
): Promise<{ incomplete: boolean }> {
  const take = (records: readonly Buffer[]) =>
    put(
      into,
      records.map((record) => record.toString("latin1")),
      signal,
    );
  const feed = (give: (piece: Buffer) => Promise<void>, within: AbortSignal) =>
    look(host.exec, spec, [], format, give, within);
  const result = await sorted(host, { take, feed }, signal);
  into.end();
  return result;
}

/** What a listing that is {@link listTree incomplete} says of it. @param consequence such as "what is in them is not counted" */
export function unseen(as: Command["as"], consequence: string): string {
  return `some directories ${as === undefined ? "could not be read" : "are closed to you"}: ${consequence}`;
}

/** @param tests of find's, all of which an entry has to pass @param give gets what find prints, made sortable */
export async function look(
  exec: Exec,
  { cwd, path, as }: TreeSpec,
  tests: readonly string[],
  printf: string,
  give: (piece: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<{ incomplete: boolean }> {
  const finished = await exec({
    file: "find",
    args: ["-files0-from", "-", ...tests, "-printf", printf],
    cwd,
    stdin: findStart(path),
    deadlineMs: wholeVolumeDeadlineMs,
    signal,
    as,
    onStdout: (chunk) => give(toSortable(chunk)),
  });
  // 1: an ordinary user meets directories that are closed to them
  if (finished.exitCode <= 1) return { incomplete: finished.exitCode === 1 };
  throw new LuksmithError("tool_failed", `listing failed: ${lastWords(finished)}`, { cause: finished });
}

/** Pure: a record understood. */
export function parseRecord(record: string): Seen {
  const { key, rest } = splitSortable(record);
  const [type = "", mode = "", uid, gid, size, time = "", inode = "", ...target] = rest.split(" ");
  const entry = FileEntry.create({
    type: entryTypes[type] ?? 0,
    mode: Number.parseInt(mode, 8),
    uid: Number(uid),
    gid: Number(gid),
    size: Number(size),
    modified: new Date(Number(time) * 1000),
    path: pathOfKey(key),
    target: Buffer.from(fromSortable(target.join(" ")), "latin1"),
  });
  return { entry, time, inode };
}
