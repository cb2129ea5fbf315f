/**
 * The moments that a cron expression means. Daylight saving time is croner's part: a time of day that is missing comes at the
 * first moment after the gap, one that there is twice comes once; what comes every so many minutes or hours leaves out and
 * repeats as the clock does.
 */

import { Cron } from "croner";

/** Longer is nobody's schedule. */
const longestCron = 200;

export class Occurrences {
  readonly #cron: Cron;
  /** The last answer, which holds for all of the time until `next`. */
  #known: { readonly newest: number; readonly next: number } | undefined;

  /** @param cron without a fault: {@link cronFault} */
  constructor(cron: string, timezone: string) {
    this.#cron = new Cron(cron, { timezone, mode: "5-part" });
  }

  /** Milliseconds since 1970. The newest that is not after `ms`. */
  newest(ms: number): number | undefined {
    return this.#around(ms)?.newest;
  }

  /** The first after `ms`. */
  next(ms: number): number | undefined {
    return this.#around(ms)?.next;
  }

  #around(ms: number) {
    if (this.#known !== undefined && ms >= this.#known.newest && ms < this.#known.next) return this.#known;
    // croner asks for what is before, and counts in seconds
    const after = new Date((Math.floor(ms / 1000) + 1) * 1000);
    const [newest] = this.#cron.previousRuns(1, after);
    const next = this.#cron.nextRun(new Date(ms));
    if (newest === undefined || next === null) return undefined;
    this.#known = { newest: newest.getTime(), next: next.getTime() };
    return this.#known;
  }
}

/** What is wrong with a cron expression, if anything: a fault of its form, or that its date does not exist. */
export function cronFault(cron: string): string | undefined {
  const form = 'must be five fields (minute, hour, day, month, weekday) or a nickname such as "@daily"';
  // croner would take a date for a schedule of one moment
  if (cron.length > longestCron || cron.includes(":") || /[\p{Cc}?]/u.test(cron)) return form;
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5 && !/^@[a-z]+$/i.test(cron.trim())) return form;
  try {
    const next = new Cron(cron, { timezone: "UTC", mode: "5-part" }).nextRun(new Date(0));
    return next === null ? "never comes: there is no such date" : undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : "";
    return fields.length === 5 ? `is no cron expression: ${why}` : form;
  }
}
