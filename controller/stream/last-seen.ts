/** When machines were heard of, written for many of them at once. */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { every } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { type Seen, seeMachines } from "../store/machines.ts";
import type { Store } from "../store/store.ts";

const everyMs = 5000;
/** In one transaction: on SQLite everybody waits for it. */
const atOnce = 500;

export class LastSeen {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #routine = new Routine();
  #seen = new Map<string, Seen>();

  constructor(store: Store, clock: Clock, log: Log) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  add(seen: Seen): void {
    this.#seen.set(seen.machineId, seen);
  }

  follow(): void {
    this.#routine.beginLater({
      when: every(this.#clock, everyMs),
      work: () => this.#write(),
      failed: (error) => this.#failed(error),
    });
  }

  /** What is not written down yet is, unless that fails. */
  async close(): Promise<void> {
    await this.#routine.end();
    await this.#write().catch((error: unknown) => this.#failed(error));
  }

  async #write(): Promise<void> {
    const seen = [...this.#seen.values()];
    this.#seen = new Map();
    for (let from = 0; from < seen.length; from += atOnce) {
      await seeMachines(this.#store.database, seen.slice(from, from + atOnce));
    }
  }

  /** The next heartbeat says the same. */
  #failed(error: unknown): void {
    this.#log.warn({ err: error }, "it was not written down which machines were heard of");
  }
}
