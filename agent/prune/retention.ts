/**
 * Which finished snapshots of a job stay, and for what reasons. Pure.
 *
 * The rules count snapshots and the periods that have one, and never the days since: a machine that was away for a year loses
 * nothing by it, and neither does one whose clock has run ahead. What is dated in the future stays and counts for no rule, so that
 * it takes nobody's place.
 */

import { formatDuration } from "../../common/units.ts";
import type { CountedRule, KeepPolicy } from "../config/keep.ts";
import { isOfFuture } from "../snapshots/name.ts";
import { type Periods, periodsIn } from "./periods.ts";

export interface Judged {
  readonly name: string;
  readonly time: Date;
  /** Made with nothing left out, as far as it is recorded. */
  readonly isWhole: boolean;
  /** Somebody wants it kept: why, in words, or nothing. Undefined when nobody does. */
  readonly pinned: string | undefined;
}

export interface Judgement {
  readonly name: string;
  /** For what it stays; when there is nothing, it may go. */
  readonly reasons: readonly string[];
  readonly isOfFuture: boolean;
}

const periodOf: Readonly<Record<Exclude<CountedRule, "last">, keyof Periods>> = {
  hourly: "hour",
  daily: "day",
  weekly: "week",
  monthly: "month",
  yearly: "year",
};

/**
 * @param snapshots all finished ones of a job, in any order
 * @returns one judgement each, oldest first
 */
export function judge(
  snapshots: readonly Judged[],
  policy: KeepPolicy,
  { now, timezone }: { now: Date; timezone: string },
): Judgement[] {
  const newestFirst = snapshots.toSorted((a, b) => b.time.getTime() - a.time.getTime() || (a.name < b.name ? 1 : -1));
  const isAhead = ({ time }: Judged) => isOfFuture(time, now);
  const past = newestFirst.filter((one) => !isAhead(one));
  const reasons = new Map<string, string[]>(snapshots.map(({ name }) => [name, []]));
  const keep = (one: Judged | undefined, reason: string) => {
    if (one !== undefined) reasons.get(one.name)?.push(reason);
  };

  for (const one of newestFirst.filter(isAhead)) keep(one, "dated in the future");
  for (const one of newestFirst)
    if (one.pinned !== undefined) keep(one, one.pinned === "" ? "pinned" : `pinned: ${one.pinned}`);
  const [newest] = past;
  keep(newest, "newest");
  const newestWhole = past.find(({ isWhole }) => isWhole);
  if (newestWhole !== newest) keep(newestWhole, "newest with nothing left out");
  for (const one of past) {
    if (policy.minAgeMs > 0 && now.getTime() - one.time.getTime() < policy.minAgeMs)
      keep(one, `younger than ${formatDuration(policy.minAgeMs)}`);
  }
  const { withinMs } = policy;
  if (newest !== undefined && withinMs !== undefined) {
    for (const one of past.filter(({ time }) => newest.time.getTime() - time.getTime() <= withinMs)) {
      keep(one, `within ${formatDuration(withinMs)}`);
    }
  }
  for (const [index, one] of past.slice(0, policy.counts.last ?? 0).entries()) keep(one, `last ${index + 1}`);
  const periods = periodsIn(timezone);
  const dated = past.map((one) => ({ one, periods: periods(one.time) }));
  for (const [rule, period] of Object.entries(periodOf) as [keyof typeof periodOf, keyof Periods][]) {
    // of each period the first that comes, which is the newest
    const ofPeriod = new Map(dated.toReversed().map((each) => [each.periods[period], each.one]));
    const newestPeriods = [...ofPeriod].toReversed().slice(0, policy.counts[rule] ?? 0);
    for (const [name, one] of newestPeriods) keep(one, `${rule} ${name}`);
  }
  return newestFirst
    .map((one) => ({ name: one.name, reasons: reasons.get(one.name) ?? [], isOfFuture: isAhead(one) }))
    .toReversed();
}
