/** Whether and when a run that failed tries again. Pure. */

import { asLuksmithError } from "../../common/errors.ts";

export interface RetryPolicy {
  /** In a row; 1 = never again. */
  readonly attempts: number;
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

const longAttemptMs = 3_600_000;

/** For a verb that somebody waits for, or that cannot simply be done again. */
export const neverAgain: RetryPolicy = { attempts: 1, firstWaitMs: 0, longestWaitMs: 0 };

/**
 * Exponential back-off with full jitter: many machines that lost the same host do not come back all at once.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 * @param attempt which one failed; the first is 1
 * @param random from 0 to 1, this excluded
 * @returns milliseconds, or undefined: not again
 */
export function waitAfter(
  thrown: unknown,
  attempt: number,
  { attempts, firstWaitMs, longestWaitMs }: RetryPolicy,
  random: number,
): number | undefined {
  if (attempt >= attempts || !asLuksmithError(thrown).isPassing) return undefined;
  return Math.round(random * Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1)));
}

/**
 * A link that breaks once a day must not use up the attempts of a first backup that takes a week: an attempt that got somewhere
 * for long begins the count anew.
 * @param movedMs since its first progress; what hooks take is not among it
 */
export function attemptsBefore(attempt: number, movedMs: number): number {
  return movedMs >= longAttemptMs ? 1 : attempt;
}
