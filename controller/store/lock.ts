/** One transaction at a time for something that is decided from many rows. */

import { sql } from "kysely";
import type { Database } from "./schema.ts";

/** Until the transaction ends: whoever changes a row has it, in both databases. */
export async function lock(
  transaction: Database,
  what: "schedules" | "operators" | "machines" | "retention",
): Promise<void> {
  await transaction
    .insertInto("settings")
    .values({ name: `${what}.lock`, value: "" })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: sql<string>`excluded.value` }))
    .execute();
}
