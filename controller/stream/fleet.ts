/** The machines' side of a controller, put together: their streams, what they are given to do, and how they are asked something. */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { type DeskEvents, PermitDesk } from "../dispatch/permit-desk.ts";
import type { Quota } from "../quota/quota.ts";
import { type QuotaEvents, QuotaKeeper } from "../quota/quota-keeper.ts";
import type { Store } from "../store/store.ts";
import type { FleetRules } from "./fleet-rules.ts";
import { Journal, type JournalEvents } from "./journal.ts";
import { Relay, type RelayChannel } from "./relay.ts";
import { Sessions } from "./sessions.ts";

/** A database that is away does not keep a controller from ending: what it has not recorded the machines send again. */
const longestCloseMs = 15_000;

export interface FleetOptions {
  readonly controllerId: string;
  readonly store: Store;
  readonly rules: FleetRules;
  /** Ends the connections of a machine, whatever they are for. */
  readonly cut: (machineId: string) => void;
  /** How another controller is called, by its id. */
  readonly relayChannel: (controllerId: string) => RelayChannel;
  /** What is kept for each machine. */
  readonly quota: Quota & { readonly againMs?: number };
  readonly clock: Clock;
  readonly log: Log;
  /** Who counts. */
  readonly events?: JournalEvents & DeskEvents & QuotaEvents;
  /** From 0 to 1. */
  readonly random?: () => number;
}

export class Fleet {
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly relay: Relay;
  readonly #permits: PermitDesk;
  readonly #quota: QuotaKeeper;
  readonly #journal: Journal;
  readonly #clock: Clock;

  constructor({
    controllerId,
    store,
    rules,
    cut,
    relayChannel,
    quota,
    clock,
    log,
    events,
    random = Math.random,
  }: FleetOptions) {
    this.#clock = clock;
    this.#quota = new QuotaKeeper(store, quota, clock, log, events, quota.againMs);
    this.#journal = new Journal(store, this.#quota, clock, log, events);
    this.sessions = new Sessions({
      ...{ controllerId, store, journal: this.#journal, rules, cut, clock, log, random },
      listener: {
        ready: (session) => this.dispatcher.begin(session),
        permitAsked: (session, request) => this.#permits.ask(session, request),
        permitReturned: (session, permit) => this.#permits.giveBack(session, permit),
      },
    });
    this.dispatcher = new Dispatcher(store, this.sessions, clock, log);
    this.#permits = new PermitDesk(store, this.sessions, rules, clock, log, events);
    this.relay = new Relay(store, this.sessions, relayChannel);
  }

  /** Before the first machine connects. @throws what the database throws */
  async begin(): Promise<void> {
    await this.sessions.begin();
    this.dispatcher.follow();
    this.#permits.follow();
    this.#quota.follow();
  }

  /** The machines are told to come back; what they have said is written, unless `hurry` is aborted first. */
  async close(hurry: AbortSignal): Promise<void> {
    const done = new AbortController();
    const late = this.#clock.sleep(longestCloseMs, done.signal).then(
      () => done.abort(),
      () => undefined,
    );
    const enough = AbortSignal.any([hurry, done.signal]);
    await Promise.all([this.dispatcher.close(), this.#permits.close()]);
    await this.sessions.drain(enough);
    await this.#journal.close(enough);
    await this.#quota.close();
    done.abort();
    await late;
  }
}
