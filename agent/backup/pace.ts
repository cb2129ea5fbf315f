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
/** Less than that says nothing about the link. */
const shortestSampleMs = 500;
/** Of two pieces that arrive together the second seems to have taken no time: what came before it has to be remembered. */
const rememberedMs = 2 * windowMs;
const soonestLookMs = 10;
const latestLookMs = 50;

export interface Advice {
  /** Begin to write out what there is. */
  readonly sync: boolean;
  /** Let the copy wait until a piece has arrived. */
  readonly hold: boolean;
  /** Ask again after so long: what the copy writes while nobody looks is lost with the connection as well. */
  readonly lookInMs: number;
}

/** What is being written out: all that had been written by then. */
export interface Piece {
  readonly upTo: number;
}

/** Bytes are those that the copy has written since it began; times are milliseconds of a clock that never jumps. */
export class Pace {
  /** What the copy had written when the newest piece began that has arrived since. */
  #arrived = 0;
  #begun = 0;
  readonly #onTheirWay = new Set<Piece>();
  #windowBytes = firstWindowBytes;
  /** What arrived lately, and how long the link was at work for it. */
  #sampleBytes = 0;
  #sampleMs = 0;
  #busySinceMs = 0;
  /** How fast the copy is when it does not wait. */
  #bytesPerMs = 0;
  #seenBytes = 0;
  #seenMs: number;
  #holds = false;

  constructor(nowMs: number) {
    this.#seenMs = nowMs;
  }

  advise(written: number, nowMs: number): Advice {
    this.#see(written, nowMs);
    const moving = this.#onTheirWay.size;
    const holdFrom = moving === 0 ? Number.POSITIVE_INFINITY : this.#arrived + this.#windowBytes;
    const pieceBytes = Math.max(leastBytes, moving === 0 ? 0 : this.#windowBytes / mostPieces);
    const syncFrom = moving < mostPieces ? this.#begun + pieceBytes : Number.POSITIVE_INFINITY;
    const hold = written > holdFrom;
    const sync = written >= syncFrom || (hold && moving < mostPieces && written > this.#begun);
    this.#holds = hold;
    return { sync, hold, lookInMs: this.#timeFor(Math.min(holdFrom, syncFrom) - written) };
  }

  /** A piece is on its way. */
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
    const ms = nowMs - this.#busySinceMs;
    const bytes = Math.max(0, piece.upTo - this.#arrived);
    this.#busySinceMs = nowMs;
    this.#arrived += bytes;
    const kept = Math.min(1, Math.max(0, rememberedMs - ms) / Math.max(1, this.#sampleMs));
    this.#sampleBytes = kept * this.#sampleBytes + bytes;
    this.#sampleMs = kept * this.#sampleMs + ms;
    if (this.#sampleMs < shortestSampleMs) return;
    const windowBytes = (this.#sampleBytes * windowMs) / this.#sampleMs;
    this.#windowBytes = Math.min(largestWindowBytes, Math.max(smallestWindowBytes, windowBytes));
  }

  #see(written: number, nowMs: number): void {
    const ms = nowMs - this.#seenMs;
    // a copy that stands still for a moment is not a slow one
    if (!this.#holds && ms > 0) this.#bytesPerMs = Math.max((written - this.#seenBytes) / ms, this.#bytesPerMs / 2);
    this.#seenBytes = written;
    this.#seenMs = nowMs;
  }

  #timeFor(bytes: number): number {
    const ms = this.#bytesPerMs > 0 ? bytes / this.#bytesPerMs : latestLookMs;
    return Math.min(latestLookMs, Math.max(soonestLookMs, ms));
  }
}
