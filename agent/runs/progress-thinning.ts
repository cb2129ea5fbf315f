/** Which of many progress reports are worth showing, and which of those are worth keeping. */

/** Four a second look fluent to a person; more is only work for everyone who watches. */
const showEveryMs = 250;
/** A day-long run then keeps some 17,000 reports, about a megabyte; who replays it needs no finer ones. */
const recordEveryMs = 5000;

/**
 * "record": show it and make it part of the run's record; "show": to those who watch right now; "hold": only remember
 * it, should it turn out to have been the last one.
 */
export type ProgressFate = "record" | "show" | "hold";

export class ProgressThinning {
  #shownAtMs = Number.NEGATIVE_INFINITY;
  #recordedAtMs = Number.NEGATIVE_INFINITY;

  /** @param nowMs monotonic */
  decide(nowMs: number): ProgressFate {
    if (nowMs - this.#recordedAtMs >= recordEveryMs) {
      this.#recordedAtMs = nowMs;
      this.#shownAtMs = nowMs;
      return "record";
    }
    if (nowMs - this.#shownAtMs >= showEveryMs) {
      this.#shownAtMs = nowMs;
      return "show";
    }
    return "hold";
  }
}
