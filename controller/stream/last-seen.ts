/** When machines were heard of, written for many of them at once. */

import { type Clock, pause } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { type Seen, seeMachines } from "../store/machines.ts";
import type { Store } from "../store/store.ts";

const everyMs = 5000;
/** In one transaction: on SQLite everybody waits for it. */
const atOnce = 500;

export class LastSeen {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  #seen = new Map<string, Seen>();
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, clock: Clock, log: Log) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  add(seen: Seen): void {
    this.#seen.set(seen.machineId, seen);
  }

  follow(): void {
    this.#writing = this.#writeNowAndThen();
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#writing;
  }

  async #writeNowAndThen(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await pause(this.#clock, everyMs, signal);
      await this.#write();
    }
  }

  async #write(): Promise<void> {
    const seen = [...this.#seen.values()];
    this.#seen = new Map();
    try {
      for (let from = 0; from < seen.length; from += atOnce) {
        await seeMachines(this.#store.database, seen.slice(from, from + atOnce));
      }
    } catch (error) {
      // the next heartbeat says the same
      this.#log.warn({ err: error }, "it was not written down which machines were heard of");
    }
  }
}
