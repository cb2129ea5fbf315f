/** Waiting until there is something new, or for so long. */

import type { Clock } from "../common/clock.ts";

/** Timers cannot be set for longer than 2^31 - 1 ms; whoever waits looks once more by then. */
const longestMs = 86_400_000;

export class Bell {
  readonly #clock: Pick<Clock, "sleep">;
  #rung = new AbortController();

  constructor(clock: Pick<Clock, "sleep">) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung.abort();
  }

  /**
   * Ends early when it rings, also when it has since the last wait ended, or when the signal is aborted. Never rejects.
   * @returns whether it rang
   */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    const either = AbortSignal.any([signal, this.#rung.signal]);
    await this.#clock.sleep(Math.min(ms, longestMs), either).catch(() => undefined);
    if (!this.#rung.signal.aborted) return false;
    this.#rung = new AbortController();
    return true;
  }
}
