/** What a backup will do in the job's directory, from what stands there. Pure. */

import { freeName, type SnapshotEntry } from "../snapshots/select.ts";

export interface BackupPlan {
  /** The snapshot's name once it is finished. */
  readonly name: string;
  /** The newest finished snapshot, whose unchanged files are shared. */
  readonly base: string | undefined;
  /** Interrupted ones, newest first: the first to go on with, the others for what files they have. */
  readonly interrupted: readonly string[];
  /** Interrupted ones that are more than rsync takes as bases. */
  readonly stale: readonly string[];
}

/** rsync takes 20 --link-dest (its MAX_BASIS_DIRS); one is the finished snapshot's. Each costs a look for each file. */
const mostInterrupted = 4;

export function planBackup(entries: readonly SnapshotEntry[], now: Date): BackupPlan {
  const finished = entries.filter((entry) => !entry.partial);
  const partial = entries
    .filter((entry) => entry.partial)
    .map((entry) => entry.name)
    .reverse();
  return {
    name: freeName(entries, now),
    base: finished.at(-1)?.name,
    interrupted: partial.slice(0, mostInterrupted),
    stale: partial.slice(mostInterrupted),
  };
}
