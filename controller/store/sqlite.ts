/** SQLite by Node itself, as kysely wants it: one connection of one process. */

import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { type Dialect, SqliteAdapter, SqliteDialect, type SqliteDialectConfig, SqliteDriver } from "kysely";
import { hasErrno } from "../../common/errors.ts";

/** Of what kysely asks, a few dozen texts come again and again; those with lists in them differ by length. */
const keptStatements = 500;

/**
 * @param path of a file, made when it is missing, for its owner alone; ":memory:" for tests
 * @throws what node:sqlite throws: {@link storeError} makes words of it
 */
export function sqliteDialect(path: string): Dialect {
  if (path !== ":memory:") createPrivately(path);
  const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    // held until we end, however we end (https://www.sqlite.org/wal.html#noshm): a second controller is refused
    database.exec("pragma locking_mode = exclusive");
    database.exec("pragma journal_mode = wal");
    // what an agent has been told is stored it forgets: a power cut must not take it
    database.exec("pragma synchronous = full");
    database.exec(`pragma journal_size_limit = ${64 * 2 ** 20}`);
  } catch (error) {
    database.close();
    throw error;
  }
  const statements = new Statements(database);
  return new OurDialect({
    database: { prepare: (sql) => statements.get(sql), close: () => database.close() },
    isInTransaction: () => database.isTransaction,
  });
}

interface OurConfig extends SqliteDialectConfig {
  readonly isInTransaction: () => boolean;
}

class OurDialect extends SqliteDialect {
  readonly #config: OurConfig;

  constructor(config: OurConfig) {
    super(config);
    this.#config = config;
  }

  override createAdapter(): SqliteAdapter {
    return new WholeMigrationsAdapter();
  }

  override createDriver(): SqliteDriver {
    return new OurDriver(this.#config);
  }
}

/**
 * A disk that is full, or fails, may have SQLite take the transaction back by itself (lang_transaction.html, 3.1). To take it back once
 * more is an error, which would stand in the place of the one that matters.
 */
class OurDriver extends SqliteDriver {
  readonly #isInTransaction: () => boolean;

  constructor(config: OurConfig) {
    super(config);
    this.#isInTransaction = config.isInTransaction;
  }

  override async rollbackTransaction(...connection: Parameters<SqliteDriver["rollbackTransaction"]>): Promise<void> {
    if (this.#isInTransaction()) await super.rollbackTransaction(...connection);
  }
}

/**
 * A migration that is interrupted leaves nothing: SQLite takes back what was created in a transaction (lang_transaction.html), which kysely
 * does not count on, for the sake of a pragma that we do not use in one.
 */
class WholeMigrationsAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class Statement {
  readonly #statement: StatementSync;
  readonly reader: boolean;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    this.reader = statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#statement.all(...parameters.map(inputValue));
  }

  run(parameters: readonly unknown[]) {
    return this.#statement.run(...parameters.map(inputValue));
  }

  iterate(parameters: readonly unknown[]): NodeJS.Iterator<unknown> & IterableIterator<unknown> {
    return this.#statement.iterate(...parameters.map(inputValue));
  }
}

/** Compiled once: the text is most of what a short query costs. The one that was used longest ago goes first. */
class Statements {
  readonly #database: DatabaseSync;
  readonly #kept = new Map<string, Statement>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get(sql: string): Statement {
    const statement = this.#kept.get(sql) ?? new Statement(this.#database.prepare(sql));
    this.#kept.delete(sql);
    this.#kept.set(sql, statement);
    if (this.#kept.size > keptStatements) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    return statement;
  }
}

function inputValue(value: unknown): SQLInputValue {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "bigint")
    return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`no value for SQLite: ${typeof value}`);
}

/** An existing one is not opened here: closing it again would drop this process's locks on it (fcntl(2)). */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
    chmodSync(path, 0o600);
  }
}
