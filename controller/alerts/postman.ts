/** Sends what is stored to be sent, and tries again what does not get there: for a day, then it is given up, loudly. */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { parseJson } from "../../common/parse-json.ts";
import { Bell } from "../bell.ts";
import { occasion } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { claimDeliveries, type Delivery, failDelivery, finishDelivery, nextDeliveryMs } from "../store/deliveries.ts";
import type { Store } from "../store/store.ts";
import { type Channels, whyNot } from "./channel.ts";
import { alertMessageSchema } from "./message.ts";
import { pingChannel, pingPayloadSchema } from "./ping.ts";
import { NotDelivered, send } from "./send.ts";

/** Longer than any sending takes: nobody else may have it meanwhile. */
const leaseMs = 120_000;
/** As many as may wait for a slow server without holding the others up for long. */
const atOnce = 20;
/** Others may have stored something that this one has not heard of. */
const pollMs = 10_000;
const firstRetryMs = 30_000;
const longestRetryMs = 3_600_000;
const giveUpMs = 86_400_000;

/** Who counts. */
export interface DeliveryEvents {
  delivered(channel: string): void;
  failed(channel: string, isFinal: boolean): void;
}

export class Postman {
  readonly #store: Store;
  readonly #channels: Channels;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: DeliveryEvents;
  readonly #routine = new Routine();
  readonly #bell: Bell;
  #restMs = pollMs;

  constructor(store: Store, channels: Channels, clock: Clock, log: Log, events: DeliveryEvents) {
    this.#store = store;
    this.#channels = channels;
    this.#clock = clock;
    this.#log = log;
    this.#events = events;
    this.#bell = new Bell(clock);
  }

  follow(): void {
    this.#routine.begin({
      when: occasion((signal) => this.#bell.wait(this.#restMs, signal)),
      work: (signal) => this.#round(signal),
      failed: (error) => this.#log.error({ err: error }, "what is to be sent cannot be read"),
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** There is something new. */
  wake(): void {
    this.#bell.ring();
  }

  async #round(signal: AbortSignal): Promise<void> {
    // should the database be away
    this.#restMs = pollMs;
    while ((await this.sendDue(signal)) === atOnce) signal.throwIfAborted();
    const nextMs = await nextDeliveryMs(this.#store.database);
    const untilMs = (nextMs ?? Number.POSITIVE_INFINITY) - this.#clock.now().getTime();
    this.#restMs = Math.min(pollMs, Math.max(0, untilMs));
  }

  /** @returns how many were tried */
  async sendDue(signal: AbortSignal): Promise<number> {
    const { database } = this.#store;
    const nowMs = this.#clock.now().getTime();
    const due = await claimDeliveries(database, { nowMs, leaseMs, limit: atOnce });
    await Promise.all(due.map((delivery) => this.#send(delivery, signal)));
    return due.length;
  }

  async #send(delivery: Delivery, signal: AbortSignal): Promise<void> {
    try {
      await this.#deliver(delivery, signal);
    } catch (thrown) {
      // another controller, or the next start, goes on with it when its time has come
      if (!signal.aborted) await this.#storing(delivery, () => this.#failed(delivery, thrown));
      return;
    }
    this.#events.delivered(delivery.channel);
    // should that fail, or we be killed before it, it is sent again: better twice than never
    await this.#storing(delivery, () => finishDelivery(this.#store.database, delivery.id));
  }

  async #failed(delivery: Delivery, thrown: unknown): Promise<void> {
    const { id, channel, attempts } = delivery;
    const nextMs = nextTry(delivery, this.#clock.now().getTime(), Math.random());
    const isFinal = nextMs === undefined;
    const why = whyNot(thrown);
    this.#events.failed(channel, isFinal);
    const level = isFinal && channel !== pingChannel ? "error" : "warn";
    const words = isFinal
      ? "a message was given up: nobody was told by this channel"
      : "a message was not delivered yet";
    this.#log[level](
      { channel, delivery: id, attempts, why, err: thrown instanceof NotDelivered ? undefined : thrown },
      words,
    );
    await failDelivery(this.#store.database, id, why, nextMs);
  }

  async #storing({ id }: Delivery, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.warn({ err: error, delivery: id }, "what became of a message could not be stored");
    }
  }

  async #deliver({ id, channel, payload }: Delivery, signal: AbortSignal): Promise<void> {
    if (channel === pingChannel) {
      const ping = pingPayloadSchema.safeParse(parseJson(payload)).data;
      if (ping === undefined) throw new NotDelivered("it cannot be read");
      await send(ping.url, { method: "GET" }, signal);
      return;
    }
    const way = this.#channels.get(channel);
    if (way === undefined) throw new LuksmithError("not_found", "there is no such channel any more");
    const message = alertMessageSchema.safeParse(parseJson(payload)).data;
    if (message === undefined) throw new NotDelivered("it cannot be read");
    this.#log.info({ channel, delivery: id, answer: await way.deliver(message, signal) }, "a message was delivered");
  }
}

/**
 * When it is tried again; undefined: not at all. Pure.
 * @param random 0 to 1: not all that failed together come back together
 */
export function nextTry(
  { channel, payload, createdMs, attempts }: Delivery,
  nowMs: number,
  random: number,
): number | undefined {
  if (channel === pingChannel && pingPayloadSchema.safeParse(parseJson(payload)).data?.once !== false) return undefined;
  const waitMs = Math.min(firstRetryMs * 2 ** Math.min(attempts - 1, 20), longestRetryMs);
  const nextMs = nowMs + Math.round(waitMs * (0.5 + random / 2));
  return nextMs - createdMs > giveUpMs ? undefined : nextMs;
}
