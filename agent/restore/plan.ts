/** How a restore will be done, from what is there already. Pure. */

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
  const conflicts: Buffer[] = [];
  const batches = new Map<string, Buffer[]>();
  for (const path of paths) {
    if (there.has(path.toString("latin1"))) conflicts.push(path);
    const above = ancestors(path);
    // a file or a link where a directory has to be is in the way as well
    const blocking = above.find((directory) => (there.get(directory.toString("latin1")) ?? "d") !== "d");
    if (blocking) conflicts.push(blocking);
    const below = above.findLast((directory) => there.get(directory.toString("latin1")) === "d") ?? Buffer.alloc(0);
    const key = below.toString("latin1");
    batches.set(key, [...(batches.get(key) ?? []), path]);
  }
  return {
    conflicts,
    batches: [...batches].map(([below, grouped]) => ({ below: Buffer.from(below, "latin1"), paths: grouped })),
  };
}

/** As rsync's --files-from wants it: below "/./" the path is kept, what stands before it is where to find it. */
export function filesFrom({ below, paths }: RestoreBatch): Buffer {
  const records = paths.map((path) => {
    if (below.length === 0) return Buffer.concat([path, Buffer.from("\0")]);
    return Buffer.concat([below, Buffer.from("/."), path.subarray(below.length), Buffer.from("\0")]);
  });
  return Buffer.concat(records);
}
