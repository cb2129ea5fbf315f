/** How often machines say that they live, and when they count as gone. Pure. */

/** Of all machines together in a second: what they cost at rest. */
const messagesASecond = 300;
const shortestMs = 10_000;
const longestMs = 300_000;
/** Of reconnecting machines in a second that one controller takes easily; TLS costs the most. */
const reconnectsASecond = 250;
const shortestSpreadMs = 2000;

/** What goes by the size of a fleet. */
export interface Pace {
  /** How often a machine says that it lives. */
  readonly intervalMs: number;
  /** Within how much time machines come back that have lost this controller. */
  readonly spreadMs: number;
}

/** @param machines that are connected to this controller */
export function paceOf(machines: number): Pace {
  return {
    intervalMs: Math.min(longestMs, Math.max(shortestMs, Math.ceil((machines / messagesASecond) * 1000))),
    spreadMs: Math.max(shortestSpreadMs, Math.ceil((machines / reconnectsASecond) * 1000)),
  };
}

/** Whether a machine that was told one is to be told the other: not for each machine that comes. */
export function isOtherPace(told: Pace, wanted: Pace): boolean {
  return isFar(told.intervalMs, wanted.intervalMs) || isFar(told.spreadMs, wanted.spreadMs);
}

function isFar(toldMs: number, wantedMs: number): boolean {
  return wantedMs > toldMs * 1.25 || wantedMs < toldMs / 1.25;
}

const missedOnes = 3;

/** @param sinceMs monotonic; since when nothing has come although it would have been read */
export function isSilent(sinceMs: number, toldMs: number, nowMs: number): boolean {
  return nowMs - sinceMs > missedOnes * toldMs;
}

/**
 * Until when a machine waits whose controller stops: all of them at once would be too many for the next one.
 * @param chance of this machine, from 0 to 1
 */
export function retryAfterMs(machines: number, chance: number): number {
  return Math.round(paceOf(machines).spreadMs * chance);
}
