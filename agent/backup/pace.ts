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
/** So much of the link's time may be lost with a connection, roughly. Shorter, and waiting for the journal shows. */
const windowMs = 1000;

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
    const bytes = ((arrived - this.#arrived) * windowMs) / Math.max(1, tookMs);
    this.#windowBytes = Math.min(largestWindowBytes, Math.max(smallestWindowBytes, bytes));
    this.#arrived = arrived;
    this.#onItsWay = undefined;
  }
}
