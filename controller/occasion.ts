/** When something that a controller does by itself is done the next time. */

import { type Clock, pause } from "../common/clock.ts";
import { News } from "./store/news.ts";
import type { Notices, Topic } from "./store/notices.ts";

export interface Occasion extends Disposable {
  /** Never rejects, and is over when the signal is aborted. */
  next(signal: AbortSignal): Promise<unknown>;
}

/** @param close what is let go of when nobody waits for it any more */
export function occasion(next: Occasion["next"], close: () => void = () => undefined): Occasion {
  return { next, [Symbol.dispose]: close };
}

export function every(clock: Pick<Clock, "sleep">, ms: number): Occasion {
  return occasion((signal) => pause(clock, ms, signal));
}

/**
 * On a notice, or without one after `ms`, since a notice can be lost. Hears of what there is from now on.
 * @param gatherMs as {@link Bell.wait} has it
 */
export function onNews(
  notices: Notices,
  topic: Topic,
  clock: Pick<Clock, "sleep">,
  ms: number,
  gatherMs?: number,
): Occasion {
  const news = new News(notices, topic, clock);
  return occasion(
    (signal) => news.next(ms, signal, gatherMs),
    () => news[Symbol.dispose](),
  );
}
