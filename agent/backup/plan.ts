/** What a backup will do in the job's directory, from what stands there. Pure. */

import { freeName, type SnapshotEntry } from "../snapshots/select.ts";

export interface BackupPlan {
  /** The snapshot's name once it is finished. */
  readonly name: string;
  /** The newest finished snapshot, whose unchanged files are shared. */
  readonly base: string | undefined;
  /** Interrupted ones, newest first: the first to go on with, the others for what files they have. */
  readonly interrupted: readonly string[];
  /** Interrupted ones that are more than are used. */
  readonly stale: readonly string[];
}

/** rsync takes 20 --link-dest (its MAX_BASIS_DIRS); one is the finished snapshot's. Each costs a look for each file. */
const mostInterrupted = 4;

/** The first had the most time; the newest are nearest to what there is now. @param names newest first */
function mostUseful(names: readonly string[]): Pick<BackupPlan, "interrupted" | "stale"> {
  if (names.length <= mostInterrupted) return { interrupted: names, stale: [] };
  const newest = names.slice(0, mostInterrupted - 1);
  return { interrupted: [...newest, ...names.slice(-1)], stale: names.slice(newest.length, -1) };
}

/** @param isKnown whether this machine knows what an interrupted one is worth; nothing else is used */
export function planBackup(
  entries: readonly SnapshotEntry[],
  now: Date,
  isKnown: (name: string) => boolean = () => true,
): BackupPlan {
  const finished = entries.filter((entry) => !entry.partial);
  const partial = entries
    .filter((entry) => entry.partial)
    .map((entry) => entry.name)
    .reverse();
  const { interrupted, stale } = mostUseful(partial.filter(isKnown));
  return {
    name: freeName(entries, now),
    base: finished.at(-1)?.name,
    interrupted,
    stale: [...stale, ...partial.filter((name) => !isKnown(name))],
  };
}
