/** How many calls a session may make: as many as are allowed in a minute at once, and then one whenever the next is due. Pure. */

const minuteMs = 60_000;

export class CallAllowance {
  readonly #perMinute: number;
  #left: number;
  #sinceMs: number;

  constructor(perMinute: number, nowMs: number) {
    this.#perMinute = perMinute;
    this.#left = perMinute;
    this.#sinceMs = nowMs;
  }

  /** @returns for how long the call has to wait; 0 if it may go on at once */
  take(nowMs: number): number {
    const earned = ((nowMs - this.#sinceMs) * this.#perMinute) / minuteMs;
    this.#left = Math.min(this.#perMinute, this.#left + earned) - 1;
    this.#sinceMs = nowMs;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * minuteMs) / this.#perMinute);
  }
}
