/**
 * Connections to PostgreSQL that answer, or are given up: a server that hangs, or a cable that was pulled, says nothing, and TCP by itself
 * waits for a quarter of an hour. One that was silent makes all that are as old suspicious: they most likely went by the same way.
 */

import { once } from "node:events";
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import type pg from "pg";

/** For the last words to a server, which may not listen any more. */
const endMs = 2000;
/** While the program ends, one thing after another waits for the database: together they are to take less than systemd gives them. */
const hastyAnswerMs = 4000;

export class AnsweringPool implements PostgresPool {
  readonly options: object;
  readonly #pool: pg.Pool;
  #answerMs: number;
  #isHasty = false;
  /** The program ends, and the server was silent: the next who wants something of it would wait in vain as well. */
  #isGone = false;
  /** Whose answers are waited for, by the query. */
  readonly #asked = new Map<symbol, pg.PoolClient>();
  /** By the connection: kysely remembers what it was given. */
  readonly #clients = new WeakMap<pg.PoolClient, AnsweringClient>();
  readonly #all = new Set<pg.PoolClient>();
  readonly #suspicious = new WeakSet<pg.PoolClient>();

  /** @param answerMs the longest that any statement may take */
  constructor(pool: pg.Pool, answerMs: number) {
    this.#pool = pool;
    this.#answerMs = answerMs;
    this.options = pool.options;
    pool.on("connect", (client) => this.#all.add(client));
    pool.on("remove", (client) => this.#all.delete(client));
  }

  /** @throws {Error} what pg throws */
  async connect(): Promise<PostgresPoolClient> {
    for (;;) {
      // as pg says it
      if (this.#isGone) throw new Error("Connection terminated: the database does not answer");
      const client = await this.#pool.connect().catch((error: unknown) => {
        if (this.#isHasty && error instanceof Error && /timeout/i.test(error.message)) this.#isGone = true;
        throw error;
      });
      if (!this.#suspicious.has(client)) return this.#answering(client);
      destroy(client);
      client.release(true);
    }
  }

  /** From now on nobody is waited for as long, nor those that are waited for already. */
  hasten(): void {
    this.#isHasty = true;
    this.#answerMs = Math.min(this.#answerMs, hastyAnswerMs);
    const asked = [...this.#asked];
    setTimeout(() => this.#endIfSilent(asked), this.#answerMs).unref();
  }

  /** Waits for nobody who does not answer. */
  async end(): Promise<void> {
    const late = setTimeout(() => this.#all.forEach(destroy), endMs);
    await this.#pool.end();
    // which does not wait for those that it has said goodbye to: a server that does not say it as well would keep us from ending
    const enough = AbortSignal.timeout(2 * endMs);
    while (this.#all.size > 0 && !enough.aborted) {
      // what a connection fails over now is nobody's concern, and whether it goes on is asked above
      await once(this.#pool, "remove", { signal: enough }).catch(() => undefined);
    }
    clearTimeout(late);
  }

  #answering(client: pg.PoolClient): AnsweringClient {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    const answering = new AnsweringClient(client, (answer) => this.#awaited(client, answer));
    this.#clients.set(client, answering);
    return answering;
  }

  async #awaited<T>(client: pg.PoolClient, answer: () => Promise<T>): Promise<T> {
    const query = Symbol();
    const silent = setTimeout(() => this.#endIfSilent([[query, client]]), this.#answerMs);
    this.#asked.set(query, client);
    try {
      return await answer();
    } finally {
      this.#asked.delete(query);
      clearTimeout(silent);
    }
  }

  /** After what has come in was read: a process that had a lot to do is not to blame the server. */
  #endIfSilent(asked: readonly (readonly [query: symbol, client: pg.PoolClient])[]): void {
    setImmediate(() => {
      for (const [query, client] of asked) {
        if (!this.#asked.has(query)) continue;
        if (this.#isHasty) this.#isGone = true;
        for (const each of this.#all) this.#suspicious.add(each);
        destroy(client);
      }
    });
  }
}

class AnsweringClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #awaited: <T>(answer: () => Promise<T>) => Promise<T>;

  constructor(client: pg.PoolClient, awaited: <T>(answer: () => Promise<T>) => Promise<T>) {
    this.#client = client;
    this.#awaited = awaited;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(cursor: never): never;
  query<R>(sql: string, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<R>> {
    const answer = () => this.#client.query(sql, [...parameters]) as unknown as Promise<PostgresQueryResult<R>>;
    return this.#awaited(answer);
  }

  release(): void {
    this.#client.release();
  }
}

/** At once, and without a word. Whoever waits for an answer is told that the connection was terminated. */
function destroy(client: pg.PoolClient): void {
  client.connection.stream.destroy();
}
