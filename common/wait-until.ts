/** Waiting for the system to reach a state, by asking it. */

import type { Clock } from "./clock.ts";

const firstPollMs = 5;
const longestPollMs = 100;

/** Asks until it is so. @returns false when it is not within `deadlineMs` @throws the signal's reason */
export async function waitUntil(
  clock: Clock,
  deadlineMs: number,
  isSo: () => Promise<boolean> | boolean,
  signal?: AbortSignal,
): Promise<boolean> {
  const end = clock.monotonicMs() + deadlineMs;
  for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 2, longestPollMs)) {
    if (await isSo()) return true;
    if (clock.monotonicMs() >= end) return false;
    await clock.sleep(pollMs, signal);
  }
}
