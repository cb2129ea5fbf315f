/** What a backup will do in the job's directory, from what stands there. Pure. */

import { newestFinished, type SnapshotEntry } from "../snapshots/entries.ts";
import { freeName } from "../snapshots/select.ts";

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

/** The newest are nearest to what there is now; and the one with the most work in it. @param names newest first */
function mostUseful(
  names: readonly string[],
  workedMs: (name: string) => number | undefined,
): Pick<BackupPlan, "interrupted" | "stale"> {
  if (names.length <= mostInterrupted) return { interrupted: names, stale: [] };
  const newest = names.slice(0, mostInterrupted - 1);
  const older = names.slice(newest.length);
  const most = Math.max(...older.map((name) => workedMs(name) ?? 0));
  const longest = older.findLast((name) => (workedMs(name) ?? 0) === most);
  return {
    interrupted: [...newest, ...older.filter((name) => name === longest)],
    stale: older.filter((name) => name !== longest),
  };
}

/** @param workedMs how long an interrupted one had been worked on; one of which nothing is known is not used */
export function planBackup(
  entries: readonly SnapshotEntry[],
  now: Date,
  workedMs: (name: string) => number | undefined,
): BackupPlan {
  const partial = entries
    .filter((entry) => entry.partial)
    .map((entry) => entry.name)
    .reverse();
  const isKnown = (name: string) => workedMs(name) !== undefined;
  const { interrupted, stale } = mostUseful(partial.filter(isKnown), workedMs);
  return {
    name: freeName(entries, now),
    base: newestFinished(entries)?.name,
    interrupted,
    stale: [...stale, ...partial.filter((name) => !isKnown(name))],
  };
}

/**
 * Whether the newest interrupted one is gone on with in its own directory: one of the same selection, of which nothing is shared
 * with a finished snapshot. Of a file that it finds in place rsync changes owner, mode and attributes in place too (rsync(1),
 * --link-dest), and so those of the finished snapshot.
 *
 * Not when a file system may have been mounted on a directory since: with --one-file-system rsync does not look into such a
 * directory, and what stood there before would stay.
 */
export function goesOnInPlace(
  { base, interrupted }: Pick<BackupPlan, "base" | "interrupted">,
  { isSame, oneFileSystem }: { isSame: boolean; oneFileSystem: boolean },
): boolean {
  return interrupted.length > 0 && isSame && base === undefined && !oneFileSystem;
}

export interface SubvolumePlan {
  /** The interrupted one to go on with: it has all that the newest finished one has. */
  readonly goOn: string | undefined;
  /** Otherwise the finished one to begin with. */
  readonly origin: string | undefined;
  readonly stale: readonly string[];
}

/**
 * Where snapshots are subvolumes.
 * @param isUsable whether an interrupted one is a subvolume, of which is known what in it can be relied on
 */
export function planSubvolume(
  { base, interrupted, stale }: BackupPlan,
  isUsable: (name: string) => boolean,
): SubvolumePlan {
  const goOn = interrupted.find(isUsable);
  return {
    goOn,
    origin: goOn === undefined ? base : undefined,
    stale: [...interrupted.filter((name) => name !== goOn), ...stale],
  };
}
