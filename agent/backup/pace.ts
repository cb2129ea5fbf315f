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
  #arrivedMs: number | undefined;
  #begun = 0;
  readonly #onTheirWay = new Set<Piece>();
  #windowBytes = firstWindowBytes;

  /** @param written bytes, since the copy began */
  advise(written: number): Advice {
    const hold = this.#onTheirWay.size > 0 && written - this.#arrived > this.#windowBytes;
    const pieceBytes = Math.max(leastBytes, this.#onTheirWay.size === 0 ? 0 : this.#windowBytes / mostPieces);
    const enough = written - this.#begun >= pieceBytes || (hold && written > this.#begun);
    return { sync: this.#onTheirWay.size < mostPieces && enough, hold };
  }

  /** A piece is on its way. @param nowMs by a clock that never jumps */
  begin(written: number, nowMs: number): Piece {
    const piece = { upTo: written };
    if (this.#onTheirWay.size === 0) this.#arrivedMs = nowMs;
    this.#begun = written;
    this.#onTheirWay.add(piece);
    return piece;
  }

  /** It has arrived, and with it all that had been written before. */
  end(piece: Piece, nowMs: number): void {
    this.#onTheirWay.delete(piece);
    if (piece.upTo <= this.#arrived) return;
    const tookMs = Math.max(1, nowMs - (this.#arrivedMs ?? nowMs));
    const bytes = ((piece.upTo - this.#arrived) * windowMs) / tookMs;
    this.#windowBytes = Math.min(largestWindowBytes, Math.max(smallestWindowBytes, bytes));
    this.#arrived = piece.upTo;
    this.#arrivedMs = nowMs;
  }
}
