/** A time zone by its name in the IANA database, as Node's own copy of it knows it. */

import * as z from "zod";
import { nearest } from "../nearest.ts";

export const timezoneSchema = z
  .string({ error: 'must be the name of a time zone, such as "Europe/Berlin"' })
  .superRefine((name, context) => {
    if (isTimezone(name)) return;
    const near = nearest(name, Intl.supportedValuesOf("timeZone"));
    const suggestion = near === undefined ? 'such as "Europe/Berlin" or "UTC"' : `did you mean "${near}"?`;
    context.addIssue({ code: "custom", message: `there is no such time zone; ${suggestion}` });
  });

/** The machine's own: TZ, or /etc/localtime. */
export function localTimezone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function isTimezone(name: string): boolean {
  // an offset is one for Intl as well, and would be wrong for half of the year
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
