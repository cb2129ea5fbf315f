/** Names of snapshots: the time they were begun, in UTC, in a form that is a file name everywhere and sorts by time. Pure. */

const finishedName = /^(\d{4})-(\d{2})-(\d{2})T(\d{2})-(\d{2})-(\d{2})Z$/;
const partialSuffix = ".partial";

/** "2026-11-23T02-00-00Z" */
export function snapshotName(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(":", "-")}Z`;
}

export function partialName(name: string): string {
  return `${name}${partialSuffix}`;
}

/** A directory entry of a job's directory, understood; undefined when it is neither kind. */
export function parseSnapshotName(entry: string): { name: string; time: Date; partial: boolean } | undefined {
  const partial = entry.endsWith(partialSuffix);
  const name = partial ? entry.slice(0, -partialSuffix.length) : entry;
  const match = finishedName.exec(name);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // 2026-02-31 would parse as March: only what prints back the same is a time
  return Number.isNaN(time.getTime()) || snapshotName(time) !== name ? undefined : { name, time, partial };
}
