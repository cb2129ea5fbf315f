/** What a controller does again and again by itself until it is ended. What fails is done again at its next time: nothing here ends by an error. */

import { type Clock, pause } from "../common/clock.ts";
import { News } from "./store/news.ts";
import type { Notices, Topic } from "./store/notices.ts";

/** When it is done the next time. */
export interface Occasion extends Disposable {
  /** Never rejects, and is over when the signal is aborted. */
  next(signal: AbortSignal): Promise<unknown>;
}

export interface Work {
  readonly when: Occasion;
  /** @throws what is told to `failed`, unless the routine has been ended meanwhile */
  readonly work: (signal: AbortSignal) => Promise<unknown>;
  readonly failed: (error: unknown) => void;
}

export class Routine {
  readonly #ended = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** The first time now. */
  begin(work: Work): void {
    this.#running = this.#repeat(work, false);
  }

  /** The first time when it is time. */
  beginLater(work: Work): void {
    this.#running = this.#repeat(work, true);
  }

  /** Until what is being done is done, or has seen the signal. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #repeat({ when, work, failed }: Work, isLater: boolean): Promise<void> {
    const { signal } = this.#ended;
    using its = when;
    if (isLater) await its.next(signal);
    while (!signal.aborted) {
      try {
        await work(signal);
      } catch (error) {
        if (!signal.aborted) failed(error);
      }
      await its.next(signal);
    }
  }
}

/** @param close what is let go of when the routine ends */
export function occasion(next: Occasion["next"], close: () => void = () => undefined): Occasion {
  return { next, [Symbol.dispose]: close };
}

export function every(clock: Pick<Clock, "sleep">, ms: number): Occasion {
  return occasion((signal) => pause(clock, ms, signal));
}

/** On a notice, or without one after `ms`, since a notice can be lost. Hears of what there is from now on. */
export function onNews(notices: Notices, topic: Topic, clock: Pick<Clock, "sleep">, ms: number): Occasion {
  const news = new News(notices, topic, clock);
  return occasion(
    (signal) => news.next(ms, signal),
    () => news[Symbol.dispose](),
  );
}

/** News come in crowds: those of `ms` more are one. */
export function gathering(news: Occasion, clock: Pick<Clock, "sleep">, ms: number): Occasion {
  return occasion(
    async (signal) => {
      await news.next(signal);
      await pause(clock, ms, signal);
    },
    () => news[Symbol.dispose](),
  );
}
