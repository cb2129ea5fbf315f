/** Names of snapshots: the time they were begun. Pure. */

import { parseTimeName, timeName } from "../../common/time-name.ts";

const partialSuffix = ".partial";

/** Two snapshots of one second get names of two: not every one that is ahead of the clock comes of a wrong clock. */
const aheadMs = 60_000;

export function isOfFuture(time: Date, now: Date): boolean {
  return time.getTime() > now.getTime() + aheadMs;
}

/** "2026-11-23T02-00-00Z" */
export const snapshotName = timeName;

export function partialName(name: string): string {
  return `${name}${partialSuffix}`;
}

/** A directory entry of a job's directory, understood; undefined when it is neither kind. */
export function parseSnapshotName(entry: string): { name: string; time: Date; partial: boolean } | undefined {
  const partial = entry.endsWith(partialSuffix);
  const name = partial ? entry.slice(0, -partialSuffix.length) : entry;
  const time = parseTimeName(name);
  return time === undefined ? undefined : { name, time, partial };
}
