/** The controller's memory: one set of queries, on SQLite or on PostgreSQL. */

import { Kysely, sql } from "kysely";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { migrate } from "./migrate.ts";
import { LocalNotices, type Notices, PostgresNotices } from "./notices.ts";
import { postgresConnections } from "./postgres.ts";
import type { Database, Tables } from "./schema.ts";
import { sqliteDialect } from "./sqlite.ts";
import { mayBeRepeated, mayPass, storeError } from "./store-error.ts";

/** Another one being first happens once or twice in a row. */
const mostRepeats = 10;
const shortestWaitMs = 50;
const longestWaitMs = 2000;

export class Store {
  readonly database: Database;
  readonly notices: Notices;
  /** Where it is, for people; no password in it. */
  readonly place: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #hasten: () => void;
  /** Those who wait for it, and for what it failed them last. */
  readonly #waiting = new Map<symbol, LuksmithError>();

  private constructor(
    what: { database: Database; notices: Notices; place: string; hasten?: () => void },
    clock: Clock,
    log: Log,
  ) {
    this.database = what.database;
    this.notices = what.notices;
    this.place = what.place;
    this.#hasten = what.hasten ?? (() => undefined);
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * @param url "postgres://..." or the path of an SQLite file, which is made when it is missing
   * @throws {LuksmithError} "config" when a newer program made it; "locked", "full", "unreachable", "internal"
   */
  static async open(url: string, clock: Clock, log: Log): Promise<Store> {
    const place = placeOf(url);
    try {
      return isPostgres(url) ? await openPostgres(url, place) : await openSqlite(url, place);
    } catch (thrown) {
      throw storeError(thrown, place);
    }

    async function openSqlite(path: string, where: string): Promise<Store> {
      const database: Database = new Kysely<Tables>({ dialect: sqliteDialect(path) });
      try {
        await migrate(database, "sqlite", where);
      } catch (error) {
        await database.destroy();
        throw error;
      }
      return new Store({ database, notices: new LocalNotices(), place: where }, clock, log);
    }

    async function openPostgres(address: string, where: string): Promise<Store> {
      const connections = postgresConnections(address, (error) =>
        log.warn({ err: error }, "the database let go of us"),
      );
      const database: Database = new Kysely<Tables>({ dialect: connections.dialect });
      const unhurried = new Kysely<Tables>({ dialect: connections.unhurried });
      try {
        await migrate(database, "postgres", where, unhurried);
      } catch (error) {
        await database.destroy();
        throw error;
      } finally {
        await unhurried.destroy();
      }
      const send = (channel: string, payload: string) =>
        sql`select pg_notify(${channel}, ${payload})`.execute(database);
      const notices = new PostgresNotices(connections.client, send, clock, log);
      const { hasten } = connections;
      return new Store({ database, notices, place: where, hasten }, clock, log);
    }
  }

  /**
   * All of `work`, or nothing of it; done again when another transaction was in its way. A transaction on SQLite holds up
   * every other query, so `work` waits for nothing but the database.
   */
  async transaction<T>(work: (transaction: Database) => Promise<T>): Promise<T> {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await this.database.transaction().execute(work);
      } catch (error) {
        if (repeats >= mostRepeats || !mayBeRepeated(error)) throw error;
      }
    }
  }

  /**
   * The same until it succeeds, while the database is away or its disk full: for what must not be lost.
   * @throws what does not pass by itself; the signal's reason
   */
  async patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const me = Symbol();
    try {
      for (let waitMs = shortestWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
        try {
          return await work();
        } catch (error) {
          signal.throwIfAborted();
          if (!mayPass(error)) throw error;
          const fault = this.error(error);
          this.#waiting.set(me, fault);
          this.#log.warn({ err: error, hint: fault.hint, waitMs }, `${fault.message}: waiting for it`);
          await this.#clock.sleep(waitMs, signal);
        }
      }
    } finally {
      this.#waiting.delete(me);
    }
  }

  /** Why something that must not be lost is not stored yet; undefined: nothing waits. */
  get fault(): LuksmithError | undefined {
    const [fault] = this.#waiting.values();
    return fault;
  }

  /** For whoever asked. */
  error(thrown: unknown): LuksmithError {
    return storeError(thrown, this.place);
  }

  /** The program ends: a database that does not answer is not waited for as long as before. */
  hasten(): void {
    this.#hasten();
  }

  async close(): Promise<void> {
    await this.notices.close();
    await this.database.destroy();
  }
}

function isPostgres(url: string): boolean {
  return /^postgres(ql)?:\/\//.test(url);
}

/** @throws {LuksmithError} "usage" when it is no URL */
function placeOf(url: string): string {
  if (!isPostgres(url)) return url;
  try {
    const { host, pathname } = new URL(url);
    return `postgres://${host}${pathname}`;
  } catch (cause) {
    // the URL is not told: it may have a password
    throw new LuksmithError("usage", "the address of the database is no URL", {
      hint: "postgres://USER@HOST:PORT/DATABASE; a password is read from ~/.pgpass",
      cause,
    });
  }
}
