/** Which snapshots of a job stay, as the configuration says it. */

import * as z from "zod";
import { durationSchema } from "../../common/config/quantity.ts";

/** The rules that count: of the newest snapshots, or of the newest periods that have one. */
const countedRules = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;
export type CountedRule = (typeof countedRules)[number];

export interface KeepPolicy {
  /** How many each rule keeps; a rule that is left out keeps none. */
  readonly counts: Readonly<Partial<Record<CountedRule, number | undefined>>>;
  /** Everything that is not older than the newest snapshot by more. */
  readonly withinMs: number | undefined;
  /** Whatever the rules say, a younger one stays. */
  readonly minAgeMs: number;
  /** Each backup of the job ends with a prune. */
  readonly afterBackup: boolean;
}

const dayMs = 86_400_000;
const longestMs = 100 * 366 * dayMs;
const mostPeriods = 100_000;

const countSchema = (what: string) =>
  z
    .int({ error: "must be a whole number from 1 on; left out, the rule keeps nothing" })
    .min(1, { error: "must be a whole number from 1 on; left out, the rule keeps nothing" })
    .max(mostPeriods)
    .optional()
    .describe(what);

const newestOf = (period: string) => countSchema(`The newest of each ${period}, for the newest so many that have one`);

export const keepSchema = z
  .strictObject({
    last: countSchema("The newest so many"),
    hourly: newestOf("hour"),
    daily: newestOf("day"),
    weekly: newestOf("week, from Monday"),
    monthly: newestOf("month"),
    yearly: newestOf("year"),
    within: durationSchema({ min: 1000, max: longestMs })
      .optional()
      .describe("All that are older than the newest by no more than this"),
    minAge: durationSchema({ min: 0, max: longestMs })
      .prefault("1d")
      .describe("A snapshot that is younger stays, whatever the rules say"),
    afterBackup: z.boolean().default(true).describe("Each backup ends with it; false: luksmith prune alone removes"),
  })
  .superRefine((keep, context) => {
    if (keep.within !== undefined || countedRules.some((rule) => keep[rule] !== undefined)) return;
    context.addIssue({
      code: "custom",
      message: `would remove everything but the newest snapshot; give at least one of ${countedRules.join(", ")}, within`,
    });
  });

export function toKeepPolicy({ within, minAge, afterBackup, ...counts }: z.output<typeof keepSchema>): KeepPolicy {
  return { counts, withinMs: within, minAgeMs: minAge, afterBackup };
}
