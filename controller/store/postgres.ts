/** PostgreSQL, as kysely wants it. */

import { type Dialect, PostgresDialect } from "kysely";
import pg from "pg";
import { AnsweringPool } from "./answering-pool.ts";

/** Queries are short; more connections would only wait for one another's locks. */
const mostConnections = 10;
/** A server that does not answer is away: whoever asked tries again. */
const connectMs = 5000;
/** The longest, a removal of old events in one go, takes a second; one that waits for longer waits for somebody who hangs. */
const statementMs = 10_000;
/** Later than the server itself would end it: then there is no server any more, or no way to it, and nobody says so. */
const answerMs = 15_000;
/** A peer that vanished is noticed also where nothing is asked: by whoever listens for notices. */
const quietMs = 10_000;

/** bigint: what is stored in one are milliseconds and counts, far below 2^53. Source: pg_type.dat, int8 */
const bigintOid = 20;

export interface PostgresConnections {
  readonly dialect: Dialect;
  /** The same, for what takes as long as it takes: another index for millions of rows. */
  readonly unhurried: Dialect;
  /** One more, for whoever listens. */
  client(): pg.Client;
  /** The program ends: nobody is waited for any longer than need be. */
  hasten(): void;
}

/** @param onError hears of connections that were lost while nobody used them */
export function postgresConnections(url: string, onError: (error: Error) => void): PostgresConnections {
  const options: pg.ClientConfig = {
    connectionString: url,
    application_name: "luksmith-controller",
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: quietMs,
    types: { getTypeParser: parserOf },
  };
  const poolOf = (more: pg.PoolConfig) => {
    const pool = new pg.Pool({ ...options, max: mostConnections, ...more });
    // without a listener it would end the process
    pool.on("error", onError);
    // nor may one that is lost while somebody uses it: whoever does has its query fail, and the pool does not listen meanwhile
    pool.on("connect", (client) => client.on("error", () => undefined));
    return pool;
  };
  const hurried = { statement_timeout: statementMs, idle_in_transaction_session_timeout: statementMs };
  const answering = new AnsweringPool(poolOf(hurried), answerMs);
  return {
    dialect: new PostgresDialect({ pool: answering }),
    unhurried: new PostgresDialect({ pool: async () => poolOf({}) }),
    client: () => new pg.Client(options),
    hasten: () => answering.hasten(),
  };
}

const parserOf: typeof pg.types.getTypeParser = (oid: number, format?: "text" | "binary") =>
  oid === bigintOid && format !== "binary" ? Number : pg.types.getTypeParser(oid, format as "text");
