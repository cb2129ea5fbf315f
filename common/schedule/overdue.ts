/** When a backup is missed: decided from what is not there. Pure; for the machine and for those who watch it. */

/** A clock that is ahead by more was wrong; what it dated counts as if it were not there. */
export const trustedAheadMs = 3_600_000;

export interface Age {
  /** The newest good snapshot, in milliseconds since 1970; undefined: there is none. */
  readonly lastGoodMs: number | undefined;
  /** Nothing was asked for before. */
  readonly sinceMs: number;
  readonly maxAgeMs: number;
}

/** From when on it is too old. */
export function overdueAt({ lastGoodMs, sinceMs, maxAgeMs }: Age, nowMs: number): number {
  const known = lastGoodMs !== undefined && lastGoodMs <= nowMs + trustedAheadMs;
  return (known ? lastGoodMs : sinceMs) + maxAgeMs;
}

export function isOverdue(age: Age, nowMs: number): boolean {
  return nowMs >= overdueAt(age, nowMs);
}
