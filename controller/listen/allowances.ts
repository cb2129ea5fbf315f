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

  /** Whether it may be done once more. */
  has(key: string): boolean {
    return this.#now(key).left >= 1;
  }

  /** @returns whether it may be done once more, which then counts as done */
  take(key: string): boolean {
    const now = this.#now(key);
    const isAdmitted = now.left >= 1;
    // the newest last: whose turn is longest ago is forgotten first
    this.#left.delete(key);
    this.#left.set(key, isAdmitted ? { ...now, left: now.left - 1 } : now);
    if (this.#left.size > keysMax) this.#forgetOldest();
    return isAdmitted;
  }

  #now(key: string): Allowance {
    const nowMs = this.#clock.monotonicMs();
    return earned(this.#left.get(key) ?? { left: this.#rate.atOnce, sinceMs: nowMs }, this.#rate, nowMs);
  }

  #forgetOldest(): void {
    for (const key of this.#left.keys()) {
      this.#left.delete(key);
      return;
    }
  }
}
