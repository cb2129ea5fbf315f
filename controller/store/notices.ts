/**
 * Telling whoever waits that there is something new in the store: in this process, and with PostgreSQL in those of all controllers.
 * A notice is a hint and never the matter itself: it can be lost, so whoever waits for one looks by itself now and then as well.
 */

import type pg from "pg";
import { type Clock, pause } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";

/** What there is news of, with the id of what it is about. */
export type Topic = "dispatch" | "schedules" | "machine" | "certificate" | "authority" | "run" | "permit" | "operator";

/** @param id undefined: some may have been missed; look at all of them */
export type Listener = (id: string | undefined) => void;

export interface Notices {
  /** Never throws: what is stored is found later all the same. */
  tell(topic: Topic, id: string): void;
  /** @returns what ends it */
  on(topic: Topic, listener: Listener): () => void;
  close(): Promise<void>;
}

class Listeners {
  readonly #all = new Map<Topic, Set<Listener>>();

  add(topic: Topic, listener: Listener): () => void {
    const those = this.#all.get(topic) ?? new Set();
    this.#all.set(topic, those);
    those.add(listener);
    return () => those.delete(listener);
  }

  hear(topic: Topic, id: string | undefined): void {
    for (const listener of this.#all.get(topic) ?? []) listener(id);
  }

  hearAll(): void {
    for (const topic of this.#all.keys()) this.hear(topic, undefined);
  }
}

export class LocalNotices implements Notices {
  readonly #listeners = new Listeners();

  tell(topic: Topic, id: string): void {
    // never within whoever tells: that one may be in a transaction
    setImmediate(() => this.#listeners.hear(topic, id));
  }

  on(topic: Topic, listener: Listener): () => void {
    return this.#listeners.add(topic, listener);
  }

  async close(): Promise<void> {}
}

const channel = "luksmith";
/** Payloads are shorter than 8000 bytes (PostgreSQL's manual, NOTIFY); ids are far below. */
const separator = " ";
const againMs = 1000;
/** A connection over which nothing is asked may have been dead for long: now and then it is to answer. */
const askEveryMs = 20_000;
const answerMs = 15_000;

export class PostgresNotices implements Notices {
  readonly #listeners = new Listeners();
  readonly #client: () => pg.Client;
  readonly #send: (channel: string, payload: string) => Promise<unknown>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #closing = new AbortController();
  readonly #listening: Promise<void>;

  /** @param send by any connection: select pg_notify(channel, payload) */
  constructor(
    client: () => pg.Client,
    send: (channel: string, payload: string) => Promise<unknown>,
    clock: Clock,
    log: Log,
  ) {
    this.#client = client;
    this.#send = send;
    this.#clock = clock;
    this.#log = log;
    this.#listening = this.#listen();
  }

  tell(topic: Topic, id: string): void {
    this.#send(channel, `${topic}${separator}${id}`).catch((error: unknown) => {
      this.#log.debug({ err: error, topic }, "could not tell the other controllers");
      // those here need no database for it
      this.#listeners.hear(topic, id);
    });
  }

  on(topic: Topic, listener: Listener): () => void {
    return this.#listeners.add(topic, listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const client = this.#client();
      const lost = new AbortController();
      // without a word: a server that hangs would not hear it
      const end = () => client.connection.stream.destroy();
      client.on("error", () => lost.abort());
      client.on("end", () => lost.abort());
      client.on("notification", ({ payload = "" }) => {
        const [topic = "", id] = payload.split(separator);
        this.#listeners.hear(topic as Topic, id);
      });
      signal.addEventListener("abort", end, { once: true });
      try {
        await client.connect();
        await this.#answer(client, `listen ${channel}`);
        // what was told while nobody listened
        this.#listeners.hearAll();
        while (!lost.signal.aborted) {
          await pause(this.#clock, askEveryMs, lost.signal);
          if (!lost.signal.aborted) await this.#answer(client, "select 1");
        }
      } catch (error) {
        this.#log.debug({ err: error }, "could not listen for notices");
      } finally {
        signal.removeEventListener("abort", end);
        end();
      }
      await pause(this.#clock, againMs, signal);
    }
  }

  /** @throws {Error} also when no answer comes */
  async #answer(client: pg.Client, query: string): Promise<void> {
    const answered = new AbortController();
    this.#clock.sleep(answerMs, answered.signal).then(
      () => client.connection.stream.destroy(),
      () => undefined,
    );
    try {
      await client.query(query);
    } finally {
      answered.abort();
    }
  }
}
