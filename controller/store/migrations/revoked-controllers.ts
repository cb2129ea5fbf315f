/** Controllers that count no more. Their rows among those that serve the fleet come and go, and these stay. */

import type { Kysely } from "kysely";
import { sql } from "kysely";
import type { StoreKind } from "../kind.ts";

export async function revokedControllers(database: Kysely<unknown>, kind: StoreKind): Promise<void> {
  const table = database.schema
    .createTable("revoked_controllers")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("revoked_ms", kind === "postgres" ? "bigint" : "integer", (column) => column.notNull())
    .addColumn("revoked_by", "text", (column) => column.notNull());
  await (kind === "sqlite" ? table.modifyEnd(sql`strict, without rowid`) : table).execute();
}
