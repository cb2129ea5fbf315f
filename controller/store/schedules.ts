/** The schedules of the fleet, as they were applied last. */

import { type FleetSchedule, scheduleFromJson, scheduleToJson } from "../schedule/fleet-schedule.ts";
import type { AppliedSchedule } from "../schedule/plan-apply.ts";
import { scheduleText } from "../schedule/written-form.ts";
import type { Database } from "./schema.ts";

export interface StoredSchedule extends AppliedSchedule {
  readonly changedMs: number;
  readonly changedBy: string;
}

/** By name. */
export async function listSchedules(database: Database): Promise<StoredSchedule[]> {
  const rows = await database.selectFrom("schedules").selectAll().orderBy("name").execute();
  return rows.map((row) => ({
    schedule: scheduleFromJson(row.definition),
    sinceMs: row.since_ms,
    revision: row.revision,
    changedMs: row.changed_ms,
    changedBy: row.changed_by,
  }));
}

/** In the place of the one of that name. */
export async function putSchedule(
  transaction: Database,
  { schedule, sinceMs, revision, changedMs, changedBy }: StoredSchedule,
): Promise<void> {
  const row = {
    definition: scheduleToJson(schedule),
    text: scheduleText(schedule),
    revision,
    since_ms: sinceMs,
    changed_ms: changedMs,
    changed_by: changedBy,
  };
  await transaction
    .insertInto("schedules")
    .values({ name: schedule.name, ...row })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
    .execute();
}

export async function deleteSchedule(transaction: Database, name: FleetSchedule["name"]): Promise<void> {
  await transaction.deleteFrom("schedules").where("name", "=", name).execute();
}
