/** How often something may be done: so many times at once, and then one whenever the next is due. Pure. */

const minuteMs = 60_000;

export interface Rate {
  readonly perMinute: number;
  readonly atOnce: number;
}

export interface Allowance {
  /** Below 0: so many wait. */
  readonly left: number;
  readonly sinceMs: number;
}

/** What there is now of what was there then. A time that is in the future is one of before the machine was started. */
export function earned({ left, sinceMs }: Allowance, { perMinute, atOnce }: Rate, nowMs: number): Allowance {
  const passedMs = Math.max(0, nowMs - sinceMs);
  return { left: Math.min(atOnce, left + (passedMs * perMinute) / minuteMs), sinceMs: nowMs };
}

/** For how long the last of what was taken has to wait; 0 if it may go on at once. */
export function waitMs({ left }: Allowance, { perMinute }: Rate): number {
  return left >= 0 ? 0 : Math.ceil((-left * minuteMs) / perMinute);
}
