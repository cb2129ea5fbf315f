/** An allowance for each address, or whatever else strangers differ in: so many at once, so many a minute, and the rest refused. */

import { type Allowance, earned, type Rate } from "../../common/allowance.ts";
import type { Clock } from "../../common/clock.ts";

/** Who has more addresses than that is limited by what holds for all of them. */
const keysMax = 10_000;

export class Allowances {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #left = new Map<string, Allowance>();

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** @returns whether it may be done once more */
  take(key: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#left.get(key) ?? { left: this.#rate.atOnce, sinceMs: nowMs };
    const now = earned(before, this.#rate, nowMs);
    const isAdmitted = now.left >= 1;
    // the newest last: whose turn is longest ago is forgotten first
    this.#left.delete(key);
    this.#left.set(key, isAdmitted ? { ...now, left: now.left - 1 } : now);
    if (this.#left.size > keysMax) this.#forgetOldest();
    return isAdmitted;
  }

  #forgetOldest(): void {
    for (const key of this.#left.keys()) {
      this.#left.delete(key);
      return;
    }
  }
}
