/** Which database a store is in: the two differ in a handful of places, all of which go by this. */

import { SqliteAdapter } from "kysely";
import type { Database } from "./schema.ts";

export type StoreKind = "sqlite" | "postgres";

/** Of a transaction as well. */
export function storeKind(database: Database): StoreKind {
  return database.getExecutor().adapter instanceof SqliteAdapter ? "sqlite" : "postgres";
}
