/** How often a run that fails over something passing tries; what is left out is as the machine does it by itself. */

import * as z from "zod";
import { durationSchema } from "../config/quantity.ts";

export interface RetryRule {
  readonly attempts: number | undefined;
  readonly firstWaitMs: number | undefined;
  readonly longestWaitMs: number | undefined;
}

export const mostAttempts = 100;
export const longestFirstWaitMs = 3_600_000;
export const longestWaitMs = 86_400_000;
/** On the wire, 0 is "as the machine does it by itself". */
const shortestWaitMs = 1000;

export const retryRuleSchema = z
  .strictObject({
    attempts: z.int().min(1).max(mostAttempts).optional().describe("How often it tries in a row; 1: once"),
    firstWait: durationSchema({ min: shortestWaitMs, max: longestFirstWaitMs })
      .optional()
      .describe("The longest wait before the second attempt"),
    longestWait: durationSchema({ min: shortestWaitMs, max: longestWaitMs }).optional().describe("No wait is longer"),
  })
  .transform(
    ({ attempts, firstWait, longestWait }): RetryRule => ({
      attempts,
      firstWaitMs: firstWait,
      longestWaitMs: longestWait,
    }),
  );
