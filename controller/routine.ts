/** What a controller does again and again by itself until it is ended. What fails is done again at its next time: nothing here ends by an error. */

import type { Occasion } from "./occasion.ts";

export interface Round {
  readonly when: Occasion;
  /** @throws what is told to `failed`, unless the routine has been ended meanwhile */
  readonly work: (signal: AbortSignal) => Promise<unknown>;
  readonly failed: (error: unknown) => void;
}

export class Routine {
  readonly #ended = new AbortController();
  #running: Promise<void> = Promise.resolve();

  /** The first time now. */
  begin(round: Round): void {
    this.#running = this.#repeat(round, false);
  }

  /** The first time when it is time. */
  beginLater(round: Round): void {
    this.#running = this.#repeat(round, true);
  }

  /** Until what is being done is done, or has seen the signal. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #repeat({ when, work, failed }: Round, isLater: boolean): Promise<void> {
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
