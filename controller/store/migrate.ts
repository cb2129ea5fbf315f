/** Bringing a store to this program's schema. */

import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { LuksmithError } from "../../common/errors.ts";
import type { StoreKind } from "./kind.ts";
import { first } from "./migrations/first.ts";
import { revokedControllers } from "./migrations/revoked-controllers.ts";
import { usage } from "./migrations/usage.ts";

/** In their order; one that was released is never edited. Their names are stored. */
const migrations: readonly { name: string; up: (database: Kysely<unknown>, kind: StoreKind) => Promise<void> }[] = [
  { name: "0001-first", up: first },
  { name: "0002-revoked-controllers", up: revokedControllers },
  { name: "0003-usage", up: usage },
];

/**
 * Several controllers may begin at once: on PostgreSQL one of them does it (advisory lock), and SQLite has one process.
 * @param place of the store, for the person
 * @param unhurried the same database, where a statement may take as long as it takes; used if there is anything to do
 * @throws {LuksmithError} "config" when a newer program made it; what the database throws
 */
export async function migrate<Tables>(
  database: Kysely<Tables>,
  kind: StoreKind,
  place: string,
  unhurried = database,
): Promise<void> {
  const provided = migrations.map(({ name, up }): [string, Migration] => [
    name,
    { up: (transaction) => up(transaction, kind) },
  ]);
  const migrator = new Migrator({
    db: unhurried,
    provider: { getMigrations: async () => Object.fromEntries(provided) },
  });
  const executed = await appliedNames(database);
  const unknown = executed.filter((name) => !migrations.some((known) => known.name === name));
  if (unknown.length > 0) {
    throw new LuksmithError(
      "config",
      `${place} was written by a newer luksmith (${unknown.join(", ")}; this one knows ${migrations.at(-1)?.name})`,
      { hint: "install the newer luksmith-controller again" },
    );
  }
  if (executed.length === migrations.length) return;
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function appliedNames<Tables>(database: Kysely<Tables>): Promise<string[]> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === "kysely_migration")) return [];
  return (await sql<{ name: string }>`select name from kysely_migration`.execute(database)).rows.map(
    ({ name }) => name,
  );
}
