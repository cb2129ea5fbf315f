/** Ends the connections of those whose certificates have been revoked, by whichever controller; and forgets what has long expired. */

import type { Clock } from "../../common/clock.ts";
import type { FleetIdentity } from "../../common/fleet/identity.ts";
import type { Log } from "../../common/log.ts";
import { onNews } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { forgetCertificates, revokedSince } from "../store/certificates.ts";
import type { Store } from "../store/store.ts";
import { forgetTokens } from "../store/tokens.ts";

/** A notice can be lost, and comes again with nobody. */
const lookEveryMs = 30_000;
/** Clocks of several controllers, and transactions that were long in the making. */
const marginMs = 10 * 60_000;
/** So long after it has expired a certificate or a token is of no more use, not even to whoever looks into the table. */
const keptMs = 7 * 24 * 3_600_000;
const forgetEveryMs = 3_600_000;

export interface Revoked {
  readonly serial: string;
  readonly owner: FleetIdentity;
}

export class Revocations {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #cut: (revoked: Revoked) => void;
  readonly #routine = new Routine();
  /** Told already. */
  #done = new Map<string, number>();
  #sinceMs: number;
  #forgotMs = 0;

  constructor(store: Store, clock: Clock, log: Log, cut: (revoked: Revoked) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#cut = cut;
    this.#sinceMs = clock.now().getTime();
  }

  follow(): void {
    this.#routine.beginLater({
      when: onNews(this.#store.notices, "certificate", this.#clock, lookEveryMs),
      work: () => this.#look(),
      failed: (error) => this.#log.warn({ err: error }, "it could not be looked which certificates were revoked"),
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  async #look(): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    const found = await revokedSince(this.#store.database, this.#sinceMs - marginMs);
    for (const revoked of found) {
      if (this.#done.has(revoked.serial)) continue;
      this.#done.set(revoked.serial, nowMs);
      this.#cut(revoked);
    }
    this.#sinceMs = nowMs;
    const listed = new Set(found.map(({ serial }) => serial));
    this.#done = new Map([...this.#done].filter(([serial]) => listed.has(serial)));
    if (nowMs - this.#forgotMs < forgetEveryMs) return;
    this.#forgotMs = nowMs;
    await forgetCertificates(this.#store.database, nowMs - keptMs);
    await forgetTokens(this.#store.database, nowMs - keptMs);
  }
}
