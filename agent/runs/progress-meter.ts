/**
 * Turns samples of how far a step has come into Progress with a rate and the time that remains.
 *
 * The rate is an exponentially weighted mean over time (not over samples, which come as often as the tool likes to
 * print), divided by the weight gathered so far: without that it would start at zero and creep up.
 */

import type { Progress } from "../../proto/gen/luksmith/v1/types.ts";

/** What happened this long ago counts 1/e of what happens now: calm enough to read, quick to see a link break down. */
const memoryMs = 5000;
/** Beyond this a forecast says nothing but "stalled". */
const longestForecastMs = 30 * 24 * 3_600_000;

/** Totals are undefined (or 0) as long as they are not known. */
export interface ProgressSample {
  /** Monotonic (Clock.monotonicMs). */
  readonly atMs: number;
  readonly bytesDone: number;
  readonly bytesTotal?: number | undefined;
  readonly filesDone: number;
  readonly filesTotal?: number | undefined;
}

export class ProgressMeter {
  readonly #step: string;
  #last: { readonly atMs: number; readonly bytes: number } | undefined;
  /** Bytes per millisecond, times #weight. */
  #rate = 0;
  /** From 0 (nothing seen yet) towards 1. */
  #weight = 0;

  constructor(step: string) {
    this.#step = step;
  }

  /** Takes samples in any rhythm; a clock that stands still or a count that goes back spoils nothing. */
  update(sample: ProgressSample): Progress {
    const bytesDone = whole(sample.bytesDone);
    const filesDone = whole(sample.filesDone);
    this.#measure(sample.atMs, bytesDone);
    // a total can lag behind: rsync still finds files while it copies
    const bytesTotal = whole(sample.bytesTotal) === 0 ? 0 : Math.max(whole(sample.bytesTotal), bytesDone);
    const filesTotal = whole(sample.filesTotal) === 0 ? 0 : Math.max(whole(sample.filesTotal), filesDone);
    const bytesPerMs = this.#weight === 0 ? 0 : this.#rate / this.#weight;
    const remainingMs = bytesPerMs > 0 ? (bytesTotal - bytesDone) / bytesPerMs : 0;
    return {
      step: this.#step,
      bytesDone,
      bytesTotal,
      filesDone,
      filesTotal,
      bytesPerSecond: whole(Math.round(bytesPerMs * 1000)),
      remainingMs: remainingMs > 0 && remainingMs <= longestForecastMs ? Math.ceil(remainingMs) : 0,
    };
  }

  #measure(atMs: number, bytes: number): void {
    const last = this.#last;
    if (last === undefined || bytes < last.bytes) {
      // the tool started over: what it does from here on is measured, the jump is not
      this.#last = { atMs, bytes };
      return;
    }
    const elapsedMs = atMs - last.atMs;
    // within the same instant there is no rate; the bytes count in the next sample
    if (!(elapsedMs > 0)) return;
    const keep = Math.exp(-elapsedMs / memoryMs);
    this.#rate = this.#rate * keep + ((bytes - last.bytes) / elapsedMs) * (1 - keep);
    this.#weight = this.#weight * keep + (1 - keep);
    this.#last = { atMs, bytes };
  }
}

/** As protobuf's uint64 takes it. */
export function whole(figure: number | undefined): number {
  return figure !== undefined && figure > 0 ? Math.min(Math.trunc(figure), Number.MAX_SAFE_INTEGER) : 0;
}
