/** What cannot work in a schedule although each part of it is right. Pure. */

import { formatDuration } from "../units.ts";
import { Occurrences } from "./occurrences.ts";
import { type Window, Windows } from "./windows.ts";

export interface ScheduleTimes {
  readonly cron: string;
  readonly splayMs: number;
  readonly windows: readonly Window[];
  readonly maxAgeMs: number | undefined;
}

export interface TimesFault {
  readonly key: "splay" | "maxAge";
  readonly message: string;
}

/** Where they are counted from does not matter much; so many show a week's pattern, or a year's. */
const countedFrom = Date.UTC(2026, 0, 1);
const countedStarts = 100;

/** @param times whose cron has no fault of its own */
export function timesFaults({ cron, splayMs, windows, maxAgeMs }: ScheduleTimes): TimesFault[] {
  if (splayMs === 0 && maxAgeMs === undefined) return [];
  // without the hours that a zone's clock leaves out: who says a day means a day
  const occurrences = new Occurrences(cron, "UTC");
  const open = new Windows(windows, "UTC");
  const moments: number[] = [];
  let at: number | undefined = countedFrom;
  for (let n = 0; n < countedStarts && at !== undefined; n += 1) {
    at = occurrences.next(at);
    if (at !== undefined) moments.push(at);
  }
  const faults: TimesFault[] = [];
  const shortestMs = Math.min(...pauses(moments));
  if (splayMs > shortestMs) {
    const message = `must not be longer than the shortest time between two starts, ${formatDuration(shortestMs)}`;
    faults.push({ key: "splay", message });
  }
  const longestMs = Math.max(...pauses(moments.map((ms) => open.firstOpen(ms))));
  if (maxAgeMs !== undefined && maxAgeMs <= longestMs) {
    const message = `must be longer than the longest time between two starts, ${formatDuration(longestMs)}: every backup would be overdue`;
    faults.push({ key: "maxAge", message });
  }
  return faults;
}

function pauses(moments: readonly number[]): number[] {
  return moments.slice(1).map((ms, index) => ms - (moments[index] ?? ms));
}
