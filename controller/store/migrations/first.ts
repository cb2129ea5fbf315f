/** The tables as they were at first. */

import { type ColumnDefinitionBuilder, type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { StoreKind } from "../kind.ts";

const required = (column: ColumnDefinitionBuilder) => column.notNull();

export async function first(database: Kysely<unknown>, kind: StoreKind): Promise<void> {
  // a number of milliseconds needs more than four bytes; SQLite knows one kind of whole numbers
  const whole = kind === "postgres" ? "bigint" : "integer";
  const bytes = kind === "postgres" ? "bytea" : "blob";
  const { schema } = database;
  /** Rows are found by their key alone: SQLite then needs no second tree for it. */
  const create = async (builder: CreateTableBuilder<string, never>) =>
    (kind === "sqlite" ? builder.modifyEnd(sql`strict, without rowid`) : builder).execute();
  const table = (name: string) => schema.createTable(name) as CreateTableBuilder<string, never>;

  await create(
    table("settings")
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("value", "text", required),
  );
  await create(
    table("authorities")
      .addColumn("fingerprint", "text", (column) => column.primaryKey())
      .addColumn("certificate", "text", required)
      .addColumn("sealed_key", sql.raw(bytes), required)
      .addColumn("created_ms", whole, required)
      .addColumn("expires_ms", whole, required),
  );
  await create(
    table("certificates")
      .addColumn("serial", "text", (column) => column.primaryKey())
      .addColumn("kind", "text", required)
      .addColumn("owner", "text", required)
      .addColumn("issuer", "text", required)
      .addColumn("issued_ms", whole, required)
      .addColumn("expires_ms", whole, required)
      .addColumn("revoked_ms", whole),
  );
  await schema.createIndex("certificates_of").on("certificates").columns(["kind", "owner"]).execute();
  await create(
    table("tokens")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("hash", sql.raw(bytes), required)
      .addColumn("labels", "text", required)
      .addColumn("created_ms", whole, required)
      .addColumn("created_by", "text", required)
      .addColumn("expires_ms", whole, required)
      .addColumn("uses", whole, required)
      .addColumn("uses_left", whole, required)
      .addColumn("name", "text", required)
      .addColumn("name_pattern", "text", required)
      .addColumn("revoked_ms", whole),
  );
  await create(
    table("machines")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("name", "text", (column) => column.unique())
      .addColumn("hostname", "text", required)
      .addColumn("state", "text", required)
      .addColumn("labels", "text", required)
      .addColumn("version", "text", required)
      .addColumn("token_id", "text", required)
      .addColumn("enrolled_ms", whole, required)
      .addColumn("last_seen_ms", whole)
      .addColumn("clock_skew_ms", whole, required)
      .addColumn("controller_id", "text")
      .addColumn("instance", "text", required)
      .addColumn("address", "text", (column) => column.notNull().defaultTo(""))
      .addColumn("stream", whole, required)
      .addColumn("inventory", sql.raw(bytes), required)
      .addColumn("trust", sql.raw(bytes), required)
      .addColumn("schedules_revision", "text", required)
      .addColumn("notice", "text", required),
  );
  await schema.createIndex("machines_of_controller").on("machines").columns(["controller_id"]).execute();
  await create(
    table("operators")
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("role", "text", required)
      .addColumn("scope", "text", required)
      .addColumn("created_ms", whole, required)
      .addColumn("created_by", "text", required)
      .addColumn("revoked_ms", whole)
      .addColumn("last_seen_ms", whole),
  );
  await create(
    table("schedules")
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("definition", "text", required)
      .addColumn("text", "text", required)
      .addColumn("revision", whole, required)
      .addColumn("since_ms", whole, required)
      .addColumn("changed_ms", whole, required)
      .addColumn("changed_by", "text", required),
  );
  await create(
    table("dispatches")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("batch", "text", required)
      .addColumn("machine_id", "text", required)
      .addColumn("work", sql.raw(bytes), required)
      .addColumn("state", "text", required)
      .addColumn("created_ms", whole, required)
      .addColumn("created_by", "text", required)
      .addColumn("expires_ms", whole, required)
      .addColumn("changed_ms", whole, required)
      .addColumn("run_id", "text")
      .addColumn("error", sql.raw(bytes))
      .addColumn("cancelled_by", "text", (column) => column.notNull().defaultTo("")),
  );
  await schema.createIndex("dispatches_of_batch").on("dispatches").columns(["batch"]).execute();
  await schema.createIndex("dispatches_of_machine").on("dispatches").columns(["machine_id", "state"]).execute();
  await schema.createIndex("dispatches_by_state").on("dispatches").columns(["state", "expires_ms"]).execute();
  await create(
    table("runs")
      .addColumn("machine_id", "text", required)
      .addColumn("run_id", "text", required)
      .addColumn("verb", "text", required)
      .addColumn("job", "text", required)
      .addColumn("volume", "text", required)
      .addColumn("state", "text", required)
      .addColumn("started_ms", whole, required)
      .addColumn("finished_ms", whole)
      .addColumn("schedule", "text")
      .addColumn("occurrence_ms", whole)
      .addColumn("dispatch_id", "text")
      .addColumn("late_ms", whole)
      .addColumn("report", sql.raw(bytes), required)
      .addPrimaryKeyConstraint("runs_key", ["machine_id", "run_id"]),
  );
  await schema.createIndex("runs_of_machine").on("runs").columns(["machine_id", "started_ms"]).execute();
  await schema.createIndex("runs_by_start").on("runs").columns(["started_ms"]).execute();
  await schema.createIndex("runs_by_state").on("runs").columns(["state", "late_ms"]).execute();
  await schema.createIndex("runs_of_dispatch").on("runs").columns(["dispatch_id"]).execute();
  await create(
    table("run_events")
      .addColumn("machine_id", "text", required)
      .addColumn("run_id", "text", required)
      .addColumn("seq", whole, required)
      .addColumn("event", sql.raw(bytes), required)
      .addPrimaryKeyConstraint("run_events_key", ["machine_id", "run_id", "seq"]),
  );
  await create(
    table("job_states")
      .addColumn("machine_id", "text", required)
      .addColumn("job", "text", required)
      .addColumn("last_good_ms", whole)
      .addColumn("last_run_id", "text")
      .addColumn("last_state", "text")
      .addColumn("last_started_ms", whole)
      .addColumn("since_ms", whole, required)
      .addPrimaryKeyConstraint("job_states_key", ["machine_id", "job"]),
  );
  await create(
    table("permits")
      .addColumn("schedule", "text", required)
      .addColumn("occurrence_ms", whole, required)
      .addColumn("machine_id", "text", required)
      .addColumn("job", "text", required)
      .addColumn("volume", "text", required)
      .addColumn("backup_host", "text", required)
      .addColumn("asked_ms", whole, required)
      .addColumn("granted_ms", whole)
      .addColumn("expires_ms", whole, required)
      .addPrimaryKeyConstraint("permits_key", ["schedule", "machine_id", "job", "volume", "occurrence_ms"]),
  );
  await create(
    table("alerts")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("subject", "text", required)
      .addColumn("kind", "text", required)
      .addColumn("machine_id", "text", required)
      .addColumn("job", "text", required)
      .addColumn("state", "text", required)
      .addColumn("since_ms", whole, required)
      .addColumn("seen_ms", whole, required)
      .addColumn("fired_ms", whole)
      .addColumn("clear_ms", whole)
      .addColumn("resolved_ms", whole)
      .addColumn("flaps", whole, required)
      .addColumn("message", "text", required)
      .addColumn("notified", whole, required)
      .addColumn("notified_ms", whole),
  );
  await schema
    .createIndex("alerts_open")
    .unique()
    .on("alerts")
    .columns(["subject"])
    .where(sql.ref("state"), "<>", "resolved")
    .execute();
  await schema.createIndex("alerts_by_state").on("alerts").columns(["state", "resolved_ms"]).execute();
  await create(
    table("deliveries")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("channel", "text", required)
      .addColumn("payload", "text", required)
      .addColumn("created_ms", whole, required)
      .addColumn("attempts", whole, required)
      .addColumn("next_ms", whole)
      .addColumn("error", "text", required),
  );
  await schema.createIndex("deliveries_due").on("deliveries").columns(["next_ms"]).execute();
  await create(
    table("controllers")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("address", "text", required)
      .addColumn("version", "text", required)
      .addColumn("started_ms", whole, required)
      .addColumn("seen_ms", whole, required),
  );
  await create(
    table("audit")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("time_ms", whole, required)
      .addColumn("operator", "text", required)
      .addColumn("action", "text", required)
      .addColumn("target", "text", required)
      .addColumn("allowed", whole, required)
      .addColumn("detail", "text", required),
  );
  await schema.createIndex("audit_by_time").on("audit").columns(["time_ms"]).execute();
}
