/** Waiting until there is something new, or for so long. */

import { type Clock, pause } from "../common/clock.ts";

/** Timers cannot be set for longer than 2^31 - 1 ms; whoever waits looks once more by then. */
const longestMs = 86_400_000;
/** No error: each would be made with a stack, and a bell is rung often. */
const rung = Symbol();

export class Bell {
  readonly #clock: Pick<Clock, "sleep">;
  #rung = new AbortController();

  constructor(clock: Pick<Clock, "sleep">) {
    this.#clock = clock;
  }

  ring(): void {
    if (!this.#rung.signal.aborted) this.#rung.abort(rung);
  }

  /**
   * Ends early when it rings, also when it has since the last wait ended, or when the signal is aborted. Never rejects.
   * @param gatherMs news come in crowds: after the first ring those of so long are one with it
   * @returns whether it rang
   */
  async wait(ms: number, signal: AbortSignal, gatherMs = 0): Promise<boolean> {
    await pause(this.#clock, Math.min(ms, longestMs), AbortSignal.any([signal, this.#rung.signal]));
    if (!this.#rung.signal.aborted) return false;
    if (gatherMs > 0) await pause(this.#clock, gatherMs, signal);
    this.#rung = new AbortController();
    return true;
  }
}
