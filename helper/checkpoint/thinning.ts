/**
 * Which checkpoints stay. By the backup host's clock and policy alone. Of each day, week and month the *first* one counts, which one
 * that is made later cannot displace, and none goes before it has reached its minimum age. Those that `last` alone keeps give way to
 * newer ones, of which a machine can make as many as `every` lets it. Pure; days, weeks (from Monday) and months are those of UTC.
 */

export interface KeepPolicy {
  /** The newest so many. */
  readonly last: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  /** A younger one always stays. */
  readonly minAgeMs: number;
}

const dayMs = 86_400_000;
/** 1970-01-01 was a Thursday. */
const daysFromMondayToEpoch = 3;

/**
 * @param times when each was made, in any order
 * @returns for each that stays, why; one that is not in it may go
 */
export function keptCheckpoints(times: readonly Date[], policy: KeepPolicy, now: Date): ReadonlyMap<Date, string[]> {
  const reasons = new Map<Date, string[]>();
  const keep = (time: Date, reason: string) => reasons.set(time, [...(reasons.get(time) ?? []), reason]);
  const newestFirst = times.toSorted((a, b) => b.getTime() - a.getTime());
  // a clock that was wrong, then or now: nothing is concluded from it, and none of them takes the place of one that is right
  for (const time of newestFirst.filter((one) => one > now)) keep(time, "in the future");
  const past = newestFirst.filter((one) => one <= now);
  for (const time of past.filter((one) => now.getTime() - one.getTime() < policy.minAgeMs)) {
    keep(time, "younger than the minimum age");
  }
  for (const time of past.slice(0, policy.last)) keep(time, "last");
  const periods: [string, number, (time: Date) => string][] = [
    ["daily", policy.daily, day],
    ["weekly", policy.weekly, week],
    ["monthly", policy.monthly, month],
  ];
  for (const [reason, count, period] of periods) {
    // of each period the oldest comes last, and stands in the end
    const first = new Map(past.map((time) => [period(time), time]));
    for (const time of [...first.values()].slice(0, count)) keep(time, reason);
  }
  return reasons;
}

function day(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function week(time: Date): string {
  return `${Math.floor((Math.floor(time.getTime() / dayMs) + daysFromMondayToEpoch) / 7)}`;
}

function month(time: Date): string {
  return time.toISOString().slice(0, 7);
}
