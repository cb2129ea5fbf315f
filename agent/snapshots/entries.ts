/** What stands in a job's directory, understood. Pure. */

import { isOfFuture, parseSnapshotName } from "./name.ts";

export interface SnapshotEntry {
  readonly name: string;
  readonly time: Date;
  readonly partial: boolean;
  /**
   * Dated in the future, and `latest` leads to another: it was made before that one, by a clock that ran ahead. One that is only
   * dated in the future is the newest all the same, if it was made last: this machine's clock may be the wrong one.
   */
  readonly misdated: boolean;
}

export interface Found {
  readonly name: string;
  /** find's letter. */
  readonly type: string;
  /** Where a link leads, otherwise empty. */
  readonly leadsTo: string;
}

/** @returns oldest first, by name */
export function snapshotEntries(found: readonly Found[], now: Date): SnapshotEntry[] {
  const last = latestOf(found);
  return found
    .flatMap(({ type, name }) => (type === "d" ? (parseSnapshotName(name) ?? []) : []))
    .map((entry) => ({ ...entry, misdated: isOfFuture(entry.time, now) && (entry.partial || entry.name !== last) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Where the link leads that every finished snapshot sets; undefined when there is none. */
export function latestOf(found: readonly Found[]): string | undefined {
  return found.find(({ name, type }) => name === "latest" && type === "l")?.leadsTo;
}

/** @param entries oldest first. Misdated ones are better than none: they are there when the clock runs behind */
export function newestFinished<T extends Pick<SnapshotEntry, "partial" | "misdated">>(
  entries: readonly T[],
): T | undefined {
  const finished = entries.filter(({ partial }) => !partial);
  return finished.findLast(({ misdated }) => !misdated) ?? finished.at(-1);
}
