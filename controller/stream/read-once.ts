/** What thousands of machines that come at once need to have read: it is read for them once in a while, and anew after news of it. */

import type { Clock } from "../../common/clock.ts";

/** News that were lost are as late by it, and are looked for once a minute only. */
const keptMs = 1000;

export class ReadOnce<T> {
  readonly #read: () => Promise<T>;
  readonly #clock: Clock;
  #last: { readonly value: Promise<T>; readonly readMs: number } | undefined;

  constructor(read: () => Promise<T>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** @throws what reading throws; then it is read again the next time */
  get(): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#last !== undefined && nowMs - this.#last.readMs < keptMs) return this.#last.value;
    const reading = { value: this.#read(), readMs: nowMs };
    this.#last = reading;
    reading.value.catch(() => {
      if (this.#last === reading) this.#last = undefined;
    });
    return reading.value;
  }

  /** Whoever reads it now may have read what was before. */
  forget(): void {
    this.#last = undefined;
  }
}
