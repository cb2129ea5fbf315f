/** Alerts: those that are open, of which no two are about the same, and those that are over. */

import { type Selectable, sql } from "kysely";
import type { Alert, AlertChanges } from "../alerts/alert.ts";
import { type AlertKind, alertKinds } from "../alerts/condition.ts";
import type { Database, Tables } from "./schema.ts";

/** The name of a setting: when it was last looked at how things are, by whichever controller. */
const lookedSetting = "alerts.looked_ms";
/** The same: when somebody was told something last. */
const toldSetting = "alerts.told_ms";
/** A time that is further ahead is of a clock that was wrong, and must not keep everybody from looking. */
const toleratedAheadMs = 60_000;

/** Of each row there are so many values; PostgreSQL takes 65,535 in a statement, SQLite 32,766. */
const rowsAtOnce = 500;

/** When somebody last looked. */
export async function lookedMs(database: Database): Promise<number | undefined> {
  return readMs(database, lookedSetting);
}

export async function toldMs(database: Database): Promise<number | undefined> {
  return readMs(database, toldSetting);
}

async function readMs(database: Database, name: string): Promise<number | undefined> {
  const row = await database.selectFrom("settings").select("value").where("name", "=", name).executeTakeFirst();
  return row === undefined ? undefined : Number(row.value);
}

/**
 * To be called first in a transaction: of several controllers one goes on, and the others wait here until it is done.
 * @param nowMs when this one looked
 * @returns whether nobody else has looked within `everyMs` before
 */
export async function claimLook(transaction: Database, nowMs: number, everyMs: number): Promise<boolean> {
  const before = sql<number>`cast(settings.value as bigint)`;
  const claimed = await transaction
    .insertInto("settings")
    .values({ name: lookedSetting, value: `${nowMs}` })
    .onConflict((conflict) =>
      conflict
        .column("name")
        .doUpdateSet({ value: `${nowMs}` })
        .where((where) =>
          where.or([where(before, "<=", nowMs - everyMs), where(before, ">", nowMs + toleratedAheadMs)]),
        ),
    )
    .returning("name")
    .execute();
  return claimed.length > 0;
}

export async function setToldMs(transaction: Database, nowMs: number): Promise<void> {
  await transaction
    .insertInto("settings")
    .values({ name: toldSetting, value: `${nowMs}` })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: `${nowMs}` }))
    .execute();
}

/** Those that are not resolved. */
export async function openAlerts(database: Database): Promise<Alert[]> {
  const rows = await database.selectFrom("alerts").selectAll().where("state", "<>", "resolved").execute();
  return rows.map(alertOf);
}

/** Resolved since then; newest first. */
export async function resolvedSince(database: Database, sinceMs: number, limit?: number): Promise<Alert[]> {
  const rows = await database
    .selectFrom("alerts")
    .selectAll()
    .where("state", "=", "resolved")
    .where("resolved_ms", ">", sinceMs)
    .orderBy("resolved_ms", "desc")
    .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
    .execute();
  return rows.map(alertOf);
}

export async function writeAlerts(transaction: Database, { put, drop }: AlertChanges): Promise<void> {
  for (const ids of parts(drop)) await transaction.deleteFrom("alerts").where("id", "in", ids).execute();
  for (const alerts of parts(put)) {
    await transaction
      .insertInto("alerts")
      .values(alerts.map(rowOf))
      .onConflict((conflict) =>
        conflict.column("id").doUpdateSet(({ ref }) => ({
          state: ref("excluded.state"),
          since_ms: ref("excluded.since_ms"),
          seen_ms: ref("excluded.seen_ms"),
          fired_ms: ref("excluded.fired_ms"),
          clear_ms: ref("excluded.clear_ms"),
          resolved_ms: ref("excluded.resolved_ms"),
          message: ref("excluded.message"),
          notified: ref("excluded.notified"),
          notified_ms: ref("excluded.notified_ms"),
        })),
      )
      .execute();
  }
}

/** @returns how many */
export async function forgetAlerts(database: Database, resolvedBeforeMs: number): Promise<number> {
  const gone = await database
    .deleteFrom("alerts")
    .where("state", "=", "resolved")
    .where("resolved_ms", "<", resolvedBeforeMs)
    .executeTakeFirst();
  return Number(gone.numDeletedRows);
}

/** How many there are of each kind and state; resolved ones are not counted. */
export async function countAlerts(
  database: Database,
): Promise<{ kind: AlertKind; state: "pending" | "firing"; count: number }[]> {
  const rows = await database
    .selectFrom("alerts")
    .select(({ fn }) => ["kind", "state", fn.countAll<number>().as("count")])
    .where("state", "<>", "resolved")
    .groupBy(["kind", "state"])
    .execute();
  return rows.flatMap(({ kind, state, count }) =>
    state === "resolved" ? [] : [{ kind: kindOf(kind), state, count: Number(count) }],
  );
}

function parts<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / rowsAtOnce);
  return Array.from({ length: count }, (_, part) => items.slice(part * rowsAtOnce, (part + 1) * rowsAtOnce));
}

function rowOf(alert: Alert) {
  return {
    id: alert.id,
    subject: alert.subject,
    kind: alert.kind,
    machine_id: alert.machineId,
    job: alert.job,
    state: alert.state,
    since_ms: alert.sinceMs,
    seen_ms: alert.seenMs,
    fired_ms: alert.firedMs ?? null,
    clear_ms: alert.clearMs ?? null,
    resolved_ms: alert.resolvedMs ?? null,
    flaps: alert.flaps,
    message: alert.message,
    notified: alert.notified,
    notified_ms: alert.notifiedMs ?? null,
  };
}

function alertOf(row: Selectable<Tables["alerts"]>): Alert {
  return {
    id: row.id,
    subject: row.subject,
    kind: kindOf(row.kind),
    machineId: row.machine_id,
    job: row.job,
    state: row.state,
    sinceMs: row.since_ms,
    seenMs: row.seen_ms,
    firedMs: row.fired_ms ?? undefined,
    clearMs: row.clear_ms ?? undefined,
    resolvedMs: row.resolved_ms ?? undefined,
    flaps: row.flaps,
    message: row.message,
    notified: row.notified,
    notifiedMs: row.notified_ms ?? undefined,
  };
}

/** @throws {Error} for what no controller has written */
function kindOf(text: string): AlertKind {
  const kind = alertKinds.find((each) => each === text);
  if (kind === undefined) throw new Error(`no kind of alert: ${text}`);
  return kind;
}
