/** A point in time as it is typed: so long ago, or a date, or a date with a time. */

import { LuksmithError } from "../common/errors.ts";
import { quoteText } from "../common/quote.ts";
import { parseDuration } from "../common/units.ts";

export interface Moment {
  /** What it means at that time. */
  before(now: Date): Date;
}

const datePattern = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** Without a zone it is this machine's. @throws {LuksmithError} "usage" */
export function pastMoment(text: string): Moment {
  const ms = parseDuration(text);
  if (ms !== undefined) return { before: (now) => new Date(now.getTime() - ms) };
  const [, day, time = "00:00", zone = ""] = datePattern.exec(text) ?? [];
  const date = new Date(`${day}T${time}${zone}`);
  if (day !== undefined && !Number.isNaN(date.getTime()) && isDay(day)) return { before: () => date };
  throw new LuksmithError("usage", `${quoteText(text)} is not a time`, {
    hint: 'such as "2h" (so long ago), "2026-11-23" or "2026-11-23T02:00:00Z"',
  });
}

/** JavaScript takes February 31st for March 3rd. */
function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
