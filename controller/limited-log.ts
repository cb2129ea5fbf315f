/** Lines that whoever connects can bring about as often as it likes: a few of each, so many in all, and of the others how many they were. */

import type { Rate } from "../common/allowance.ts";
import type { Clock } from "../common/clock.ts";
import type { Log } from "../common/log.ts";
import { Allowances } from "./listen/allowances.ts";

/** Of one line about one of them: who reads it has seen it. */
const ofEach: Rate = { perMinute: 1 / 10, atOnce: 3 };
/** Of all of them together: they must not fill the disk, nor push everything else out of the journal. */
const ofAll: Rate = { perMinute: 30, atOnce: 100 };

export class LimitedLog {
  readonly #log: Log;
  readonly #each: Allowances;
  readonly #all: Allowances;
  #omitted = 0;

  constructor(log: Log, clock: Clock, each: Rate = ofEach) {
    this.#log = log;
    this.#each = new Allowances(clock, each);
    this.#all = new Allowances(clock, ofAll);
  }

  /** @param who it is about, by what they cannot change at will: a machine, the network of an address */
  warn(who: string, facts: object, text: string): void {
    if (this.#admits(who, text)) this.#log.warn(this.#with(facts), text);
  }

  error(who: string, facts: object, text: string): void {
    if (this.#admits(who, text)) this.#log.error(this.#with(facts), text);
  }

  #admits(who: string, text: string): boolean {
    const isAdmitted = this.#each.take(`${text} ${who}`) && this.#all.take("");
    if (!isAdmitted) this.#omitted += 1;
    return isAdmitted;
  }

  #with(facts: object): object {
    const omitted = this.#omitted;
    this.#omitted = 0;
    return omitted === 0 ? facts : { ...facts, omittedBefore: omitted };
  }
}
