/** What a backup will do in the job's directory, from what stands there. Pure. */

import { freeName, type SnapshotEntry } from "../snapshots/select.ts";

export interface BackupPlan {
  /** The snapshot's name once it is finished. */
  readonly name: string;
  /** The newest finished snapshot, whose unchanged files are shared. */
  readonly base: string | undefined;
  /** An interrupted one to go on with. */
  readonly resume: string | undefined;
  /** Older interrupted ones, of no further use. */
  readonly stale: readonly string[];
}

export function planBackup(entries: readonly SnapshotEntry[], now: Date): BackupPlan {
  const finished = entries.filter((entry) => !entry.partial);
  const partial = entries.filter((entry) => entry.partial);
  return {
    name: freeName(entries, now),
    base: finished.at(-1)?.name,
    resume: partial.at(-1)?.name,
    stale: partial.slice(0, -1).map((entry) => entry.name),
  };
}
