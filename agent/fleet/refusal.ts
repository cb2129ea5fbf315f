/**
 * Why the machine did not believe what it was told to. It is said to whichever controller comes next, since the one that wanted it may be
 * the one that nobody should believe; not for ever, since what is still wanted is told again (within minutes), and refused again.
 */

import type { Clock } from "../../common/clock.ts";
import type { ErrorDetail } from "../../proto/gen/luksmith/v1/types.ts";

/** Over a night in which nobody looks, and every controller has heard of it. */
const saidMs = 24 * 3_600_000;

export class Refusal {
  readonly #clock: Pick<Clock, "monotonicMs">;
  #last: { readonly why: ErrorDetail; readonly atMs: number; readonly isOfAddresses: boolean } | undefined;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  get why(): ErrorDetail | undefined {
    if (this.#last !== undefined && this.#clock.monotonicMs() - this.#last.atMs >= saidMs) this.#last = undefined;
    return this.#last?.why;
  }

  /** @param isOfAddresses and of nothing else */
  set(why: ErrorDetail, isOfAddresses = false): void {
    this.#last = { why, atMs: this.#clock.monotonicMs(), isOfAddresses };
  }

  /** After the machine has taken what it was told. @param isOfAddresses which takes back nothing that is about whom to believe */
  clear(isOfAddresses = false): void {
    if (!isOfAddresses || this.#last?.isOfAddresses === true) this.#last = undefined;
  }
}
