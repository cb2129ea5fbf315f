/** Removes what need not be kept any longer, now and then, a little at a time. */

import type { Clock } from "../common/clock.ts";
import type { Log } from "../common/log.ts";
import type { ControllerConfig } from "./config/controller-config.ts";
import { every } from "./occasion.ts";
import { Routine } from "./routine.ts";
import { removeAudit } from "./store/audit.ts";
import { beginning, type Place, removeDispatches, removeEvents, removeRuns } from "./store/retention.ts";
import type { Database } from "./store/schema.ts";
import type { Store } from "./store/store.ts";

const everyMs = 3_600_000;
/** Others have a turn between two parts. */
const restMs = 50;

type Kept = Pick<ControllerConfig["retention"], "eventsMs" | "runsMs">;

export class Retention {
  readonly #store: Store;
  readonly #kept: Kept;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #routine = new Routine();
  /** Up to where the events are gone already. */
  #eventsGone = beginning;

  constructor(store: Store, kept: Kept, clock: Clock, log: Log) {
    this.#store = store;
    this.#kept = kept;
    this.#clock = clock;
    this.#log = log;
  }

  follow(): void {
    this.#routine.begin({
      when: every(this.#clock, everyMs),
      work: (signal) => this.remove(signal),
      failed: (error) => this.#log.warn({ err: error }, "what is old could not be removed; it is tried again"),
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** Once, to the end. @throws what the database throws; the signal's reason when it is aborted meanwhile */
  async remove(signal?: AbortSignal): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    const { eventsMs, runsMs } = this.#kept;
    const removeSomeEvents = async (transaction: Database, after: Place) => {
      const place = await removeEvents(transaction, nowMs - eventsMs, after);
      this.#eventsGone = place ?? this.#eventsGone;
      return place;
    };
    await this.#inParts(this.#eventsGone, removeSomeEvents, signal);
    await this.#inParts(beginning, (transaction, after) => removeRuns(transaction, nowMs - runsMs, after), signal);
    await removeDispatches(this.#store.database, nowMs - runsMs);
    // who began what is asked for as long as there is what was begun
    await removeAudit(this.#store.database, nowMs - runsMs);
  }

  async #inParts(
    from: Place,
    part: (transaction: Database, after: Place) => Promise<Place | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let after: Place | undefined = from;
    while (after !== undefined) {
      const here: Place = after;
      after = await this.#store.transaction((transaction) => part(transaction, here));
      if (after !== undefined) await this.#clock.sleep(restMs, signal);
    }
  }
}
