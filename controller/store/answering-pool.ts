/**
 * Connections to PostgreSQL that answer, or are given up: a server that hangs, or a cable that was pulled, says nothing, and TCP by itself
 * waits for a quarter of an hour. One that was silent makes all that are as old suspicious: they most likely went by the same way.
 */

import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import type pg from "pg";

/** For the last words to a server, which may not listen any more. */
const endMs = 2000;

export class AnsweringPool implements PostgresPool {
  readonly options: object;
  readonly #pool: pg.Pool;
  readonly #answerMs: number;
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
      const client = await this.#pool.connect();
      if (!this.#suspicious.has(client)) return this.#answering(client);
      destroy(client);
      client.release(true);
    }
  }

  /** Waits for nobody who does not answer. */
  async end(): Promise<void> {
    const late = setTimeout(() => this.#all.forEach(destroy), endMs);
    await this.#pool.end();
    clearTimeout(late);
  }

  #answering(client: pg.PoolClient): AnsweringClient {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    const answering = new AnsweringClient(client, this.#answerMs, () => {
      for (const each of this.#all) this.#suspicious.add(each);
    });
    this.#clients.set(client, answering);
    return answering;
  }
}

class AnsweringClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #answerMs: number;
  readonly #onSilence: () => void;

  constructor(client: pg.PoolClient, answerMs: number, onSilence: () => void) {
    this.#client = client;
    this.#answerMs = answerMs;
    this.#onSilence = onSilence;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(cursor: never): never;
  async query<R>(sql: string, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<R>> {
    const silent = setTimeout(() => {
      this.#onSilence();
      destroy(this.#client);
    }, this.#answerMs);
    try {
      return (await this.#client.query(sql, [...parameters])) as unknown as PostgresQueryResult<R>;
    } finally {
      clearTimeout(silent);
    }
  }

  release(): void {
    this.#client.release();
  }
}

/** At once, and without a word. Whoever waits for an answer is told that the connection was terminated. */
function destroy(client: pg.PoolClient): void {
  client.connection.stream.destroy();
}
