/** Looks at the whole fleet now and then, and sees to it that people are told of what is missing. */

import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { AlertsConfig } from "../config/alerts.ts";
import { every } from "../occasion.ts";
import { Routine } from "../routine.ts";
import {
  claimLook,
  forgetAlerts,
  lookedMs,
  openAlerts,
  resolvedSince,
  setToldMs,
  toldMs,
  writeAlerts,
} from "../store/alerts.ts";
import { addDeliveries, forgetDeliveries } from "../store/deliveries.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { type KnownMachine, readWatchedMachines } from "../store/watched-machines.ts";
import { type Alert, type AlertChanges, advance, type Due, dueNow, flapWindowMs, told } from "./alert.ts";
import type { Channels } from "./channel.ts";
import { type Condition, conditionsOf, type Expectation } from "./condition.ts";
import { withEndings } from "./ending.ts";
import { messagesFor } from "./message.ts";
import { send } from "./send.ts";

const everyMs = 30_000;
/** Another controller may have looked in between. */
const leastMs = 20_000;
/** Nobody has looked for so long: no controller was there, and machines have to come back first. */
const gapMs = 120_000;
const deadManMs = 60_000;
const tidyMs = 3_600_000;
/** Of what has left, or was given up. */
const keptDeliveriesMs = 30 * 86_400_000;

/** What schedules have each machine do, as it is now. */
type ReadExpectations = (database: Database) => Promise<(machine: KnownMachine) => readonly Expectation[]>;

/** Who counts. */
export interface WatchEvents {
  looked(durationMs: number): void;
  failed(): void;
}

/** What was found when it was looked. */
interface Seen {
  readonly conditions: readonly Condition[];
  /** All that are one of the fleet, by their ids. */
  readonly machines: ReadonlyMap<string, KnownMachine>;
  readonly expectationsOf: (machine: KnownMachine) => readonly Expectation[];
}

export interface WatchOptions {
  readonly config: AlertsConfig;
  readonly channels: Channels;
  readonly readExpectations: ReadExpectations;
  /** Alerts that are over are kept for so long. */
  readonly keptAlertsMs: number;
  readonly events: WatchEvents;
  /** There is something to be sent. */
  readonly onDeliveries: () => void;
}

export class AlertWatch {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: WatchOptions;
  readonly #routine = new Routine();
  #pingedMs = Number.NEGATIVE_INFINITY;
  #tidiedMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, clock: Clock, log: Log, options: WatchOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
  }

  follow(): void {
    this.#routine.begin({
      when: every(this.#clock, everyMs),
      work: async (signal) => {
        await this.look(signal);
        await this.#tidy();
        await this.#pingDeadMan(signal);
      },
      failed: (error) => {
        this.#options.events.failed();
        this.#log.error({ err: error }, "whether the fleet is as it should be cannot be told");
      },
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** @returns whether it was this controller that has looked: of several, one does */
  async look(signal: AbortSignal): Promise<boolean> {
    const { database } = this.#store;
    const beganMs = this.#clock.monotonicMs();
    const nowMs = this.#clock.now().getTime();
    const before = await lookedMs(database);
    if (before !== undefined && before <= nowMs && nowMs - before < leastMs) return false;
    const seen = await this.#see(nowMs, signal);
    const isAfterGap = before === undefined || nowMs - before > gapMs;
    const outcome = await this.#store.transaction(async (transaction) => {
      // of two who come at the same time one waits here, and then sees that the other has been there
      if (!(await claimLook(transaction, nowMs, leastMs))) return undefined;
      return this.#settle(transaction, seen, isAfterGap, nowMs);
    });
    if (outcome === undefined) return false;
    if (outcome.messages > 0) this.#options.onDeliveries();
    for (const { kind, machineId, job, state, message } of outcome.turned) {
      this.#log.info({ kind, machine: seen.machines.get(machineId)?.name, job, message }, `an alert is ${state}`);
    }
    this.#options.events.looked(this.#clock.monotonicMs() - beganMs);
    return true;
  }

  async #see(nowMs: number, signal: AbortSignal): Promise<Seen> {
    const { database } = this.#store;
    const expectationsOf = await this.#options.readExpectations(database);
    const conditions: Condition[] = [];
    const machines = new Map<string, KnownMachine>();
    for await (const some of readWatchedMachines(database, nowMs)) {
      for (const machine of some) {
        machines.set(machine.id, machine);
        conditions.push(...conditionsOf({ ...machine, expectations: expectationsOf(machine) }, nowMs));
      }
      // whoever waits for an answer meanwhile gets it
      await setImmediate(undefined, { signal });
    }
    return { conditions, machines, expectationsOf };
  }

  async #settle(
    transaction: Database,
    { conditions, machines, expectationsOf }: Seen,
    isAfterGap: boolean,
    nowMs: number,
  ): Promise<{ messages: number; turned: readonly Alert[] }> {
    const { config, channels } = this.#options;
    const open = await openAlerts(transaction);
    const resolved = await resolvedSince(transaction, nowMs - flapWindowMs);
    const flaps = new Map(resolved.toReversed().map((alert) => [alert.subject, alert.flaps]));
    const advanced = advance({ conditions, open, flaps, isAfterGap }, config, nowMs, randomUUID);
    const changes = withEndings(advanced, (id) => {
      const machine = machines.get(id);
      return machine === undefined ? undefined : { ...machine, expectations: expectationsOf(machine) };
    });
    const dropped = new Set(changes.drop);
    const alerts = new Map([...resolved, ...open].map((alert) => [alert.id, alert]));
    const turned = changes.put.filter(({ id, state }) => state !== "pending" && state !== alerts.get(id)?.state);
    for (const alert of changes.put) alerts.set(alert.id, alert);
    for (const id of dropped) alerts.delete(id);

    const due =
      channels.size === 0 ? undefined : dueNow([...alerts.values()], await toldMs(transaction), config, nowMs);
    let messages = 0;
    if (due !== undefined) {
      const nameOf = (machineId: string) => machines.get(machineId) ?? { name: machineId, labels: {} };
      const texts = messagesFor(due, nameOf, config.routes, [...channels.keys()], new Date(nowMs), randomUUID);
      messages = texts.size;
      await addDeliveries(
        transaction,
        [...texts].map(([channel, message]) => ({
          id: message.id,
          channel,
          payload: JSON.stringify(message),
          createdMs: nowMs,
          dueMs: nowMs,
        })),
      );
      await setToldMs(transaction, nowMs);
    }
    await writeAlerts(transaction, withTold(changes, due, nowMs));
    return { messages, turned };
  }

  async #tidy(): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    if (this.#clock.monotonicMs() - this.#tidiedMs < tidyMs) return;
    await forgetAlerts(this.#store.database, nowMs - this.#options.keptAlertsMs);
    await forgetDeliveries(this.#store.database, nowMs - keptDeliveriesMs);
    this.#tidiedMs = this.#clock.monotonicMs();
  }

  /** Only while all of this works: whoever waits for it is to complain when it does not. */
  async #pingDeadMan(signal: AbortSignal): Promise<void> {
    const url = this.#options.config.deadManPing;
    if (url === undefined || this.#clock.monotonicMs() - this.#pingedMs < deadManMs - everyMs / 2) return;
    try {
      await send(url, { method: "GET" }, signal);
      this.#pingedMs = this.#clock.monotonicMs();
    } catch (error) {
      if (!signal.aborted) this.#log.warn({ err: error }, "the dead man's ping was not delivered");
    }
  }
}

/** Pure. */
function withTold({ put, drop }: AlertChanges, due: Due | undefined, nowMs: number): AlertChanges {
  if (due === undefined) return { put, drop };
  const said = [...due.firing, ...due.resolved, ...due.reminders].map((alert) => told(alert, nowMs));
  const all = new Map([...put, ...said].map((alert) => [alert.id, alert]));
  return { put: [...all.values()], drop };
}
