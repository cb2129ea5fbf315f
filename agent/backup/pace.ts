/**
 * How far a copy may run ahead of what has arrived at the backup host. Pure.
 *
 * A copy to a mounted volume is done when it is in memory, long before it has crossed the link; what a connection that breaks
 * takes with it is all that was not yet written down by the journal as arrived. So it is written out piece by piece while the
 * copy goes on, and a copy that is too far ahead waits. That the link is busy from the beginning comes with it.
 */

/** What is less is written out at the end, with everything else. */
const leastBytes = 2 * 2 ** 20;
const firstWindowBytes = 4 * 2 ** 20;
const smallestWindowBytes = 2 ** 20;
const largestWindowBytes = 2 ** 30;
/** So much of the link's time may be lost with a connection, roughly. */
const shortestWindowMs = 1000;
/**
 * Each piece ends with several round trips for the journal, in which the link has nothing to carry. Where they show, since larger
 * pieces go faster, pieces become larger.
 */
const longestWindowMs = 4000;
const showing = 1.1;
/** Links and hosts grow slower: an old record counts for less. */
const fading = 0.9;

export interface Advice {
  /** Begin to write out what there is. */
  readonly sync: boolean;
  /** Let the copy wait. */
  readonly hold: boolean;
}

export class Pace {
  /** Bytes that the copy had written when the last piece began that has arrived since. */
  #arrived = 0;
  /** The same of the piece that is on its way. */
  #onItsWay: number | undefined;
  #windowBytes = firstWindowBytes;
  #windowMs = shortestWindowMs;
  /** Bytes in a millisecond, of the fastest piece. */
  #bestRate: number | undefined;

  /** @param written bytes, since the copy began */
  advise(written: number): Advice {
    if (this.#onItsWay === undefined) return { sync: written - this.#arrived >= leastBytes, hold: false };
    return { sync: false, hold: written - this.#onItsWay > this.#windowBytes };
  }

  /** A piece is on its way. */
  begin(written: number): void {
    this.#onItsWay = written;
  }

  /** It has arrived. */
  end(tookMs: number): void {
    const arrived = this.#onItsWay ?? this.#arrived;
    const rate = (arrived - this.#arrived) / Math.max(1, tookMs);
    if (this.#bestRate !== undefined && rate > this.#bestRate * showing) {
      this.#windowMs = Math.min(longestWindowMs, this.#windowMs * 2);
    }
    this.#bestRate = Math.max(rate, (this.#bestRate ?? 0) * fading);
    this.#windowBytes = Math.min(largestWindowBytes, Math.max(smallestWindowBytes, rate * this.#windowMs));
    this.#arrived = arrived;
    this.#onItsWay = undefined;
  }
}
