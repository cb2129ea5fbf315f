/** What is kept for each machine, counted where it is written; and the newest run of a kind, found at once however many there are. */

import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { StoreKind } from "../kind.ts";
import { eventOverheadBytes } from "../usage.ts";

export async function usage(database: Kysely<unknown>, kind: StoreKind): Promise<void> {
  const whole = kind === "postgres" ? "bigint" : "integer";
  const table = database.schema.createTable("usage") as CreateTableBuilder<string, never>;
  const columns = table
    .addColumn("machine_id", "text", (column) => column.primaryKey())
    .addColumn("event_bytes", whole, (column) => column.notNull())
    .addColumn("runs", whole, (column) => column.notNull());
  await (kind === "sqlite" ? columns.modifyEnd(sql`strict, without rowid`) : columns).execute();
  await sql`insert into usage (machine_id, event_bytes, runs)
    select machine_id, sum(event_bytes), sum(runs) from (
      select machine_id, 0 as event_bytes, count(*) as runs from runs group by machine_id
      union all
      select machine_id, sum(length(event) + ${sql.lit(eventOverheadBytes)}), 0 from run_events group by machine_id
    ) as kept group by machine_id`.execute(database);
  await database.schema
    .createIndex("runs_of_kind")
    .on("runs")
    .columns(["machine_id", "verb", "job", "volume", "started_ms"])
    .execute();
}
