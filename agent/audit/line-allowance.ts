/**
 * How much of the log one user may fill, so that nobody can push out what is written of others, or what they did themselves, by asking
 * and asking.
 */

import type { Clock } from "../../common/clock.ts";

export interface AllowanceSize {
  /** What may be written at once. */
  readonly bytes: number;
  /** What comes back, evenly, up to that. */
  readonly bytesPerDay: number;
}

const dayMs = 24 * 3_600_000;

export class LineAllowance {
  readonly #clock: Clock;
  readonly #size: AllowanceSize;
  readonly #left = new Map<number, { readonly bytes: number; readonly atMs: number }>();

  constructor(clock: Clock, size: AllowanceSize) {
    this.#clock = clock;
    this.#size = size;
  }

  /** @returns whether the user may have so much more written */
  take(uid: number, bytes: number): boolean {
    const atMs = this.#clock.monotonicMs();
    const before = this.#left.get(uid);
    const regained = before === undefined ? 0 : ((atMs - before.atMs) / dayMs) * this.#size.bytesPerDay;
    const left = Math.min(this.#size.bytes, (before?.bytes ?? this.#size.bytes) + regained) - bytes;
    if (left < 0) return false;
    this.#left.set(uid, { bytes: left, atMs });
    return true;
  }
}
