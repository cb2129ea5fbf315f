/**
 * How far a copy may run ahead of what has arrived at the backup host. Pure.
 *
 * A copy to a mounted volume is done when it is in memory, long before it has crossed the link; what a connection that breaks
 * takes with it is all that was not yet written down by the journal as arrived. So it is written out piece by piece while the
 * copy goes on, and a copy that is too far ahead waits. That the link is busy from the beginning comes with it.
 *
 * Each piece ends with several round trips for the journal. So that the link has something to carry meanwhile, the next one is
 * on its way by then.
 */

/** What is less is written out at the end, with everything else. */
const leastBytes = 2 * 2 ** 20;
const firstWindowBytes = 4 * 2 ** 20;
const smallestWindowBytes = 2 ** 20;
const largestWindowBytes = 2 ** 30;
/** So much of the link's time may be lost with a connection, roughly. */
const windowMs = 2000;
const mostPieces = 2;
/** Less than that says nothing about the link: two pieces that arrive together seem to have taken no time. */
const shortestSampleMs = 500;
const shortestRestMs = 10;
const longestRestMs = 50;

export interface Advice {
  /** Begin to write out what there is. */
  readonly sync: boolean;
  /** Let the copy wait until a piece has arrived. */
  readonly hold: boolean;
}

/** What is being written out: all that had been written by then. */
export interface Piece {
  readonly upTo: number;
}

export class Pace {
  /** Bytes that the copy had written when the newest piece began that has arrived since. */
  #arrived = 0;
  #begun = 0;
  readonly #onTheirWay = new Set<Piece>();
  #windowBytes = firstWindowBytes;
  /** What has arrived since the speed of the link was last reckoned, and how long the link was at work for it. */
  #sampleBytes = 0;
  #sampleMs = 0;
  #busySinceMs = 0;
  #seenBytes = 0;
  #seenMs = 0;

  /** @param written bytes, since the copy began */
  advise(written: number): Advice {
    const hold = this.#onTheirWay.size > 0 && written - this.#arrived > this.#windowBytes;
    const pieceBytes = Math.max(leastBytes, this.#onTheirWay.size === 0 ? 0 : this.#windowBytes / mostPieces);
    const enough = written - this.#begun >= pieceBytes || (hold && written > this.#begun);
    return { sync: this.#onTheirWay.size < mostPieces && enough, hold };
  }

  /**
   * How long until there may be something to advise, were the copy to write on as fast as it did since this was last asked: what
   * it writes while nobody looks is lost with the connection as well.
   * @param nowMs by a clock that never jumps
   * @returns ms
   */
  restMs(written: number, nowMs: number): number {
    const bytesPerMs = (written - this.#seenBytes) / Math.max(1, nowMs - this.#seenMs);
    this.#seenBytes = written;
    this.#seenMs = nowMs;
    const until = this.#onTheirWay.size === 0 ? this.#begun + leastBytes : this.#arrived + this.#windowBytes;
    if (bytesPerMs <= 0) return longestRestMs;
    return Math.min(longestRestMs, Math.max(shortestRestMs, (until - written) / bytesPerMs));
  }

  /** A piece is on its way. @param nowMs as above */
  begin(written: number, nowMs: number): Piece {
    const piece = { upTo: written };
    if (this.#onTheirWay.size === 0) this.#busySinceMs = nowMs;
    this.#begun = written;
    this.#onTheirWay.add(piece);
    return piece;
  }

  /** It has arrived, and with it all that had been written before. */
  end(piece: Piece, nowMs: number): void {
    this.#onTheirWay.delete(piece);
    this.#sampleMs += nowMs - this.#busySinceMs;
    this.#busySinceMs = nowMs;
    if (piece.upTo <= this.#arrived) return;
    this.#sampleBytes += piece.upTo - this.#arrived;
    this.#arrived = piece.upTo;
    if (this.#sampleMs < shortestSampleMs) return;
    const bytes = (this.#sampleBytes * windowMs) / this.#sampleMs;
    this.#windowBytes = Math.min(largestWindowBytes, Math.max(smallestWindowBytes, bytes));
    this.#sampleBytes = 0;
    this.#sampleMs = 0;
  }
}
