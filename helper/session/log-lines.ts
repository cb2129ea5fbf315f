/**
 * How much a session may write to the log that it shares with all others: a machine must not be able to fill the disk with it. What
 * is left of it stands in the file of the machine's place, so that a new session on it has no more. What is not written is counted.
 */

import { readSync, writeSync } from "node:fs";
import { type Allowance, earned, type Rate } from "../../common/allowance.ts";
import type { Clock } from "../../common/clock.ts";
import type { LineLimit } from "../../common/log.ts";
import { fileBytes, parseAllowance, renderAllowance } from "./allowance.ts";

/** A backup writes six lines or so; at these, a machine's 16 sessions write some 40 MiB a day at the most. */
const rate: Rate = { perMinute: 6, atOnce: 100 };

export class LogLines implements LineLimit {
  readonly #fd: number;
  readonly #clock: Clock;
  #allowance: Allowance;
  #missing = 0;

  /** @param fd of the place's file, which is ours alone; at once and for each line, since the session may be killed at any time */
  constructor(fd: number, clock: Clock) {
    this.#fd = fd;
    this.#clock = clock;
    const text = Buffer.alloc(fileBytes);
    const bytes = readSync(fd, text, 0, fileBytes, 0);
    this.#allowance = parseAllowance(text.toString("latin1", 0, bytes), rate, this.#nowMs());
  }

  admit(): boolean {
    const now = earned(this.#allowance, rate, this.#nowMs());
    const isAdmitted = now.left >= 1;
    this.#allowance = isAdmitted ? { ...now, left: now.left - 1 } : now;
    if (isAdmitted) writeSync(this.#fd, renderAllowance(this.#allowance), 0);
    else this.#missing += 1;
    return isAdmitted;
  }

  missing(): number {
    const missing = this.#missing;
    this.#missing = 0;
    return missing;
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }
}
