/** How a restore will be done, from what is there already. Pure. */

import { utf8Name } from "../../common/file-name.ts";
import { ancestors } from "./paths.ts";

/** One call of rsync: everything that goes below one directory that exists already. */
export interface RestoreBatch {
  /** Relative to the target, empty for the target itself; it exists and keeps its own owner, mode and times. */
  readonly below: Buffer;
  /** Relative to the snapshot; all of them begin with `below`. */
  readonly paths: readonly Buffer[];
}

export interface RestorePlan {
  readonly batches: readonly RestoreBatch[];
  /** What is there already and would be overwritten. */
  readonly conflicts: readonly Buffer[];
}

/** @param present what exists below the target, among the paths and the directories above them */
export function planRestore(paths: readonly Buffer[], present: readonly { path: Buffer; type: string }[]): RestorePlan {
  const there = new Map(present.map(({ path, type }) => [path.toString("latin1"), type]));
  const typeAt = (path: Buffer) => there.get(path.toString("latin1"));
  const conflicts = new Map<string, Buffer>();
  const batches = new Map<string, Buffer[]>();
  for (const path of paths) {
    const above = ancestors(path);
    // a file or a link where a directory has to be is in the way as well
    const blockingAt = above.findIndex((directory) => (typeAt(directory) ?? "d") !== "d");
    const inTheWay = above[blockingAt] ?? (typeAt(path) === undefined ? undefined : path);
    if (inTheWay !== undefined) conflicts.set(inTheWay.toString("latin1"), inTheWay);
    // what is there behind a link lies somewhere else: nothing may be written through it
    const ours = blockingAt === -1 ? above : above.slice(0, blockingAt);
    // it becomes an argument of rsync's, and those of Node's children are UTF-8
    const usable = (directory: Buffer) => typeAt(directory) === "d" && utf8Name(directory) !== undefined;
    const key = (ours.findLast(usable) ?? Buffer.alloc(0)).toString("latin1");
    const batch = batches.get(key);
    if (batch === undefined) batches.set(key, [path]);
    else batch.push(path);
  }
  return {
    conflicts: [...conflicts.values()],
    batches: [...batches].map(([below, grouped]) => ({ below: Buffer.from(below, "latin1"), paths: grouped })),
  };
}

/**
 * As rsync's --files-from wants it: below "/./" the path is kept, what stands before it is where to find it. The "./" in
 * front is for names that begin with # or ;, which it would take for comments, even between NULs.
 */
export function filesFrom({ below, paths }: RestoreBatch): Buffer {
  const records = paths.map((path) => {
    if (below.length === 0) return Buffer.concat([Buffer.from("./"), path, Buffer.from("\0")]);
    return Buffer.concat([Buffer.from("./"), below, Buffer.from("/."), path.subarray(below.length), Buffer.from("\0")]);
  });
  return Buffer.concat(records);
}
