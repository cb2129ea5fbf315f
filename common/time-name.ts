/** A time, in UTC and to the second, in a form that is a file name everywhere and sorts by time: "2026-11-23T02-00-00Z". Pure. */

const pattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2})-(\d{2})-(\d{2})Z$/;

export function timeName(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(":", "-")}Z`;
}

/** @returns undefined for what is no such name */
export function parseTimeName(name: string): Date | undefined {
  const match = pattern.exec(name);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // 2026-02-31 would parse as March: only what prints back the same is a time
  return Number.isNaN(time.getTime()) || timeName(time) !== name ? undefined : time;
}
