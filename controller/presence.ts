/** That this controller lives, told to the others by the store; and what is to be done about those that live no more. */

import type { Clock } from "../common/clock.ts";
import type { Log } from "../common/log.ts";
import { every } from "./occasion.ts";
import { Routine } from "./routine.ts";
import {
  beginController,
  type ControllerRow,
  forgetControllers,
  isRevokedController,
  seeController,
} from "./store/controllers.ts";
import type { Store } from "./store/store.ts";

const tellEveryMs = 5000;
/** A database that was away for a minute must not make all of them strangers to one another. */
const deadAfterMs = 30_000;
const forgottenAfterMs = 180_000;

/** Pure. */
export function isAlive({ seenMs }: Pick<ControllerRow, "seenMs">, nowMs: number): boolean {
  return nowMs - seenMs < deadAfterMs;
}

export interface PresenceEvents {
  /** The machines that are connected here, which the others took for lost with this controller. */
  takeBack(): Promise<void>;
  /** Somebody has ended this controller's part in the fleet: told until it ends. */
  revoked(): void;
}

export class Presence {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #id: string;
  readonly #events: PresenceEvents;
  readonly #routine = new Routine();

  constructor(store: Store, clock: Clock, log: Log, id: string, events: PresenceEvents) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#id = id;
    this.#events = events;
  }

  /** @throws what the database throws */
  async begin(address: string, version: string): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    const row: ControllerRow = { id: this.#id, address, version, startedMs: nowMs, seenMs: nowMs };
    await beginController(this.#store.database, row);
    this.#routine.beginLater({
      when: every(this.#clock, tellEveryMs),
      work: (signal) => this.#tell(row, signal),
      failed: (error) => this.#log.warn({ err: error }, "could not tell the other controllers that this one lives"),
    });
  }

  async #tell(row: ControllerRow, signal: AbortSignal): Promise<void> {
    const { database } = this.#store;
    // however quiet the fleet is, by this is it noticed that nothing can be written
    const isKnown = await this.#store.patiently(
      () => seeController(database, this.#id, this.#clock.now().getTime()),
      signal,
    );
    const nowMs = this.#clock.now().getTime();
    if (!isKnown && (await isRevokedController(database, this.#id))) {
      this.#events.revoked();
      return;
    }
    if (!isKnown) await this.#comeBack(row, nowMs);
    const gone = await forgetControllers(database, nowMs - forgottenAfterMs);
    if (gone.length > 0) this.#log.warn({ controllers: gone }, "controllers have not been heard of for minutes");
  }

  /** It could not be heard of for so long that the others have forgotten it. */
  async #comeBack(row: ControllerRow, nowMs: number): Promise<void> {
    this.#log.warn({ controller: this.#id }, "the other controllers have taken this one for dead");
    await this.#events.takeBack();
    await beginController(this.#store.database, row);
    await seeController(this.#store.database, this.#id, nowMs);
  }

  /** The others see at once that it is gone. */
  async end(): Promise<void> {
    await this.#routine.end();
    const { database } = this.#store;
    try {
      await database.deleteFrom("controllers").where("id", "=", this.#id).execute();
      await database
        .updateTable("machines")
        .set({ controller_id: null })
        .where("controller_id", "=", this.#id)
        .execute();
    } catch (error) {
      this.#log.warn({ err: error }, "could not tell the other controllers that this one ends");
    }
  }
}
