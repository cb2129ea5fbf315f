/**
 * Leave to begin a scheduled run, where a schedule limits how many there may be at once. They are given by one transaction at a time,
 * whichever controller's, so that all of them together never exceed a limit.
 */

import { type Selectable, sql } from "kysely";
import { oneOf } from "./json-list.ts";
import type { Database, Tables } from "./schema.ts";

export interface PermitKey {
  readonly schedule: string;
  readonly occurrenceMs: number;
  readonly machineId: string;
  /** Either is empty. */
  readonly job: string;
  readonly volume: string;
}

export interface Permit extends PermitKey {
  readonly backupHost: string;
  readonly askedMs: number;
  /** undefined: it waits. */
  readonly grantedMs: number | undefined;
  /** Whoever has not been heard of by then has it no longer. */
  readonly expiresMs: number;
}

/**
 * Asking again keeps the place in the queue, and what was given for no longer than `heldMs` after that. Whoever asks for another moment of
 * the same job has done with the one before, whatever volume it names beside it.
 */
export async function askPermit(
  database: Database,
  { schedule, occurrenceMs, machineId, job, volume, backupHost, askedMs, expiresMs }: Omit<Permit, "grantedMs">,
  heldMs: number,
): Promise<void> {
  await database
    .deleteFrom("permits")
    .where("schedule", "=", schedule)
    .where("machine_id", "=", machineId)
    .where("job", "=", job)
    .$if(job === "", (query) => query.where("volume", "=", volume))
    .where(({ eb, or }) => or([eb("occurrence_ms", "<>", occurrenceMs), eb("volume", "<>", volume)]))
    .execute();
  await database
    .insertInto("permits")
    .values({
      ...{ schedule, occurrence_ms: occurrenceMs, machine_id: machineId, job, volume, backup_host: backupHost },
      ...{ asked_ms: askedMs, granted_ms: null, expires_ms: expiresMs },
    })
    .onConflict((conflict) =>
      conflict
        .columns(["schedule", "machine_id", "job", "volume", "occurrence_ms"])
        .doUpdateSet({ expires_ms: expiresMs })
        .where(({ eb, or }) =>
          or([eb("permits.granted_ms", "is", null), eb("permits.granted_ms", ">", askedMs - heldMs)]),
        ),
    )
    .execute();
}

/**
 * Gives what there is room for. To be called in a transaction.
 * @param choose of those that wait, oldest first, beside those that have one
 * @returns what was given
 */
export async function grantPermits(
  transaction: Database,
  nowMs: number,
  choose: (waiting: readonly Permit[], granted: readonly Permit[]) => readonly Permit[],
): Promise<Permit[]> {
  await lockPermits(transaction);
  await transaction.deleteFrom("permits").where("expires_ms", "<=", nowMs).execute();
  const rows = await transaction
    .selectFrom("permits")
    .selectAll()
    .orderBy("asked_ms")
    .orderBy("machine_id")
    .orderBy("occurrence_ms")
    .execute();
  const all = rows.map(permitOf);
  const chosen = choose(
    all.filter(({ grantedMs }) => grantedMs === undefined),
    all.filter(({ grantedMs }) => grantedMs !== undefined),
  );
  for (const permit of chosen) {
    await transaction
      .updateTable("permits")
      .set({ granted_ms: nowMs })
      .where("schedule", "=", permit.schedule)
      .where("machine_id", "=", permit.machineId)
      .where("job", "=", permit.job)
      .where("volume", "=", permit.volume)
      .where("occurrence_ms", "=", permit.occurrenceMs)
      .execute();
  }
  return chosen.map((permit) => ({ ...permit, grantedMs: nowMs }));
}

const lockName = "permits.lock";

/** Until the transaction ends: whoever changes a row has it, in both databases. */
async function lockPermits(transaction: Database): Promise<void> {
  await transaction
    .insertInto("settings")
    .values({ name: lockName, value: "" })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: sql<string>`excluded.value` }))
    .execute();
}

/** @returns whether there was one */
export async function returnPermit(database: Database, key: PermitKey): Promise<boolean> {
  const deleted = await database
    .deleteFrom("permits")
    .where("schedule", "=", key.schedule)
    .where("machine_id", "=", key.machineId)
    .where("job", "=", key.job)
    .where("volume", "=", key.volume)
    .where("occurrence_ms", "=", key.occurrenceMs)
    .executeTakeFirst();
  return deleted.numDeletedRows > 0n;
}

/** Of a run that is over, whether or not its machine says so. @returns whether there was one */
export async function returnPermitOfRun(
  database: Database,
  { schedule, occurrenceMs, machineId, job, volume }: PermitKey,
): Promise<boolean> {
  const deleted = await database
    .deleteFrom("permits")
    .where("schedule", "=", schedule)
    .where("machine_id", "=", machineId)
    .where("job", "in", ["", job])
    .where("volume", "in", ["", volume])
    .where("occurrence_ms", "=", occurrenceMs)
    .executeTakeFirst();
  return deleted.numDeletedRows > 0n;
}

/** All of a machine: its agent has been started anew, and knows of none. */
export async function dropPermits(database: Database, machineIds: readonly string[]): Promise<boolean> {
  if (machineIds.length === 0) return false;
  const deleted = await database
    .deleteFrom("permits")
    .where("machine_id", "in", oneOf(database, machineIds))
    .executeTakeFirst();
  return deleted.numDeletedRows > 0n;
}

/** Of the machines that a controller hears of. @param grantedAfterMs of each schedule: what was given before that is not kept */
export async function keepPermits(
  database: Database,
  controllerId: string,
  expiresMs: number,
  grantedAfterMs: ReadonlyMap<string, number>,
): Promise<void> {
  const keep = database
    .updateTable("permits")
    .set({ expires_ms: expiresMs })
    .where("machine_id", "in", (select) =>
      select.selectFrom("machines").select("id").where("controller_id", "=", controllerId),
    );
  await keep.where("granted_ms", "is", null).execute();
  for (const [schedule, afterMs] of grantedAfterMs) {
    await keep.where("schedule", "=", schedule).where("granted_ms", ">", afterMs).execute();
  }
}

/** How many of a schedule there are. */
export interface PermitCount {
  readonly schedule: string;
  readonly waiting: number;
  readonly granted: number;
  /** When the next of them is lost. */
  readonly expiresMs: number;
}

/** By the database itself: at night thousands wait for hours, and are not read each time that one of them may begin. */
export async function countPermits(database: Database): Promise<PermitCount[]> {
  const rows = await database
    .selectFrom("permits")
    .select(({ fn }) => [
      "schedule",
      fn.countAll<number>().as("count"),
      fn.count<number>("granted_ms").as("granted"),
      fn.min<number>("expires_ms").as("expires_ms"),
    ])
    .groupBy("schedule")
    .execute();
  return rows.map(({ schedule, count, granted, expires_ms }) => ({
    schedule,
    waiting: Number(count) - Number(granted),
    granted: Number(granted),
    expiresMs: Number(expires_ms),
  }));
}

export async function listGranted(database: Database): Promise<Permit[]> {
  const rows = await database.selectFrom("permits").selectAll().where("granted_ms", "is not", null).execute();
  return rows.map(permitOf);
}

/** Oldest first. @param machineId undefined: of all */
export async function listPermits(database: Database, machineId?: string): Promise<Permit[]> {
  const rows = await database
    .selectFrom("permits")
    .selectAll()
    .$if(machineId !== undefined, (query) => query.where("machine_id", "=", machineId ?? ""))
    .orderBy("asked_ms")
    .execute();
  return rows.map(permitOf);
}

function permitOf(row: Selectable<Tables["permits"]>): Permit {
  return {
    schedule: row.schedule,
    occurrenceMs: row.occurrence_ms,
    machineId: row.machine_id,
    job: row.job,
    volume: row.volume,
    backupHost: row.backup_host,
    askedMs: row.asked_ms,
    grantedMs: row.granted_ms ?? undefined,
    expiresMs: row.expires_ms,
  };
}
