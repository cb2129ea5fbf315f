/** What somebody was told last, so that the same is not said over and over: it is said again after a while, should nothing have come of it. */

import type { Clock } from "../../common/clock.ts";

export class Told {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #againMs: number;
  #last: { readonly what: string; readonly atMs: number } | undefined;

  constructor(clock: Pick<Clock, "monotonicMs">, againMs: number) {
    this.#clock = clock;
    this.#againMs = againMs;
  }

  /** Whether it is to be said now; then it counts as said. */
  say(what: string): boolean {
    const atMs = this.#clock.monotonicMs();
    if (this.#last?.what === what && atMs - this.#last.atMs < this.#againMs) return false;
    this.#last = { what, atMs };
    return true;
  }

  /** There is nothing to be said. */
  forget(): void {
    this.#last = undefined;
  }
}
