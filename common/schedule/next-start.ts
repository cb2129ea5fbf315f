/** What a schedule has a machine do, and when. Pure; milliseconds since 1970 throughout. */

import type { Occurrences } from "./occurrences.ts";
import { overdueAt, trustedAheadMs } from "./overdue.ts";
import type { Windows } from "./windows.ts";

/** A schedule as one machine goes by it. */
export interface Timing {
  readonly occurrences: Occurrences;
  readonly windows: Windows;
  /** The machine's own moment within the splay. */
  readonly offsetMs: number;
  /** Undefined: no age of the newest good snapshot asks for a run. */
  readonly maxAgeMs: number | undefined;
}

/** What has been so far. */
export interface Past {
  /** Occurrences before that are not the machine's. */
  readonly sinceMs: number;
  /** The newest occurrence for which something was begun, of those that are not after {@link trustedUntil}. */
  readonly handledMs: number | undefined;
  /** When something was last begun, of what is not after {@link trustedUntil}. */
  readonly begunMs: number | undefined;
  /** An occurrence whose run was interrupted, and is to be begun again. */
  readonly unfinishedMs: number | undefined;
  readonly lastGoodMs: number | undefined;
}

export interface NextStart {
  /** The occurrence. One that is for the age of the newest snapshot has the moment at which that was too old. */
  readonly momentMs: number;
  /** Not before. When it is not after now, it is due. */
  readonly beginMs: number;
}

/**
 * A clock that was in the far future must not silence a schedule until then, and one that is put back a little must not have
 * an occurrence done twice.
 */
export function trustedUntil(nowMs: number): number {
  return nowMs + trustedAheadMs;
}

/**
 * The occurrence that is due, or waits for its window; missed ones collapse into the newest of them. When there is none, the
 * next one. A window that has closed before something was begun leaves it to the next.
 * @returns undefined when nothing will ever come
 */
export function nextStart(timing: Timing, past: Past, nowMs: number): NextStart | undefined {
  const { windows, offsetMs } = timing;
  const overdueMs = unansweredOverdue(timing, past, nowMs);
  const arrived = [
    arrivedOccurrence(timing, past, nowMs),
    past.unfinishedMs !== undefined && past.unfinishedMs <= trustedUntil(nowMs)
      ? { momentMs: past.unfinishedMs, fromMs: past.unfinishedMs }
      : undefined,
    overdueMs !== undefined && overdueMs <= nowMs ? { momentMs: overdueMs, fromMs: overdueMs } : undefined,
  ].filter((each) => each !== undefined);
  const newest = arrived.toSorted((a, b) => b.momentMs - a.momentMs)[0];
  if (newest !== undefined) {
    const beginMs = windows.firstOpen(newest.fromMs, offsetMs);
    return { momentMs: newest.momentMs, beginMs: beginMs > nowMs ? beginMs : windows.firstOpen(nowMs, offsetMs) };
  }
  const nextMs = timing.occurrences.next(Math.max(nowMs - offsetMs, past.sinceMs - 1, past.handledMs ?? -Infinity));
  const coming = [
    nextMs === undefined ? undefined : { momentMs: nextMs, fromMs: nextMs + offsetMs },
    overdueMs === undefined ? undefined : { momentMs: overdueMs, fromMs: overdueMs },
  ].filter((each) => each !== undefined);
  return coming
    .map(({ momentMs, fromMs }) => ({ momentMs, beginMs: windows.firstOpen(fromMs, offsetMs) }))
    .toSorted((a, b) => a.beginMs - b.beginMs)[0];
}

function arrivedOccurrence({ occurrences, offsetMs }: Timing, { sinceMs, handledMs }: Past, nowMs: number) {
  const momentMs = occurrences.newest(nowMs - offsetMs);
  if (momentMs === undefined || momentMs < sinceMs || momentMs <= (handledMs ?? -Infinity)) return undefined;
  return { momentMs, fromMs: momentMs + offsetMs };
}

/** When the newest snapshot is too old, unless something was begun since: that it failed is no reason to begin anew at once. */
function unansweredOverdue({ maxAgeMs }: Timing, past: Past, nowMs: number): number | undefined {
  if (maxAgeMs === undefined) return undefined;
  const { lastGoodMs, sinceMs, begunMs } = past;
  const atMs = overdueAt({ lastGoodMs, sinceMs, maxAgeMs }, nowMs);
  return begunMs !== undefined && begunMs >= atMs ? undefined : atMs;
}
