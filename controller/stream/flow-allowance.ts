/** How much one machine may send: so much at once, and then as much as is earned. Who sends more waits, and everybody else does not. */

import { type Allowance, earned, type Rate, waitMs } from "../../common/allowance.ts";
import type { Clock } from "../../common/clock.ts";

/** A machine that was away for weeks reports hundreds of runs; one that is well, some hundred events a day. */
const eventRate: Rate = { perMinute: 6000, atOnce: 50_000 };
const byteRate: Rate = { perMinute: 6 * 2 ** 20, atOnce: 16 * 2 ** 20 };

export class FlowAllowance {
  readonly #clock: Clock;
  #events: Allowance;
  #bytes: Allowance;

  constructor(clock: Clock) {
    this.#clock = clock;
    const sinceMs = clock.monotonicMs();
    this.#events = { left: eventRate.atOnce, sinceMs };
    this.#bytes = { left: byteRate.atOnce, sinceMs };
  }

  /** @returns for how long they have to wait */
  takeEvents(events: number): number {
    this.#events = less(earned(this.#events, eventRate, this.#clock.monotonicMs()), events);
    return waitMs(this.#events, eventRate);
  }

  /** @returns as {@link takeEvents} */
  takeBytes(bytes: number): number {
    this.#bytes = less(earned(this.#bytes, byteRate, this.#clock.monotonicMs()), bytes);
    return waitMs(this.#bytes, byteRate);
  }
}

function less(allowance: Allowance, taken: number): Allowance {
  return { ...allowance, left: allowance.left - taken };
}
