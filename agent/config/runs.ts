/** What holds for every run: how often it tries, and how long it may take. */

import * as z from "zod";
import { deadlineSchema } from "../../common/config/deadline.ts";
import { durationSchema } from "../../common/config/quantity.ts";
import { longestFirstWaitMs, longestWaitMs, mostAttempts } from "../../common/schedule/retry-rule.ts";
import type { RetryPolicy } from "../runs/retry.ts";

export interface RunsConfig {
  readonly retry: RetryPolicy;
  /** From its start to its end, waiting included. */
  readonly deadlineMs: number;
}

export const runsFileSchema = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(mostAttempts)
    .default(5)
    .describe("How often a run tries in a row while the backup host cannot be reached or the connection breaks"),
  firstWait: durationSchema({ min: 0, max: longestFirstWaitMs })
    .prefault("2m")
    .describe("The longest wait before the second attempt; doubled for each one more, and shortened by chance"),
  longestWait: durationSchema({ min: 0, max: longestWaitMs }).prefault("15m").describe("No wait is longer"),
  deadline: deadlineSchema.prefault("7d").describe("A run that takes longer is ended, waiting included"),
});

export function toRunsConfig({
  attempts,
  firstWait,
  longestWait,
  deadline,
}: z.output<typeof runsFileSchema>): RunsConfig {
  return { retry: { attempts, firstWaitMs: firstWait, longestWaitMs: longestWait }, deadlineMs: deadline };
}
