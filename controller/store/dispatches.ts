/**
 * What operators want done now, from the moment that they say so until it is done. Each controller claims what is for the machines
 * that are connected to it; a machine gets one again and again until it has answered, and goes by the id.
 */

import { type Selectable, sql } from "kysely";
import { Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { ErrorDetail } from "../../proto/gen/luksmith/v1/types.ts";
import { isAmong, type ListRow, listOf, oneOf } from "./json-list.ts";
import { storeKind } from "./kind.ts";
import type { Database, Tables } from "./schema.ts";

export type DispatchState = Tables["dispatches"]["state"];

export interface NewDispatch {
  readonly id: string;
  /** Of all that were asked at once. */
  readonly batch: string;
  readonly machineId: string;
  readonly work: Work;
  readonly createdMs: number;
  readonly createdBy: string;
  readonly expiresMs: number;
}

export interface StoredDispatch extends NewDispatch {
  readonly state: DispatchState;
  readonly changedMs: number;
  readonly runId: string | undefined;
  readonly error: ErrorDetail | undefined;
  /** Who wanted it no more. */
  readonly cancelledBy: string | undefined;
}

/** The machine may not know of them yet, or has not answered. */
const unanswered = ["queued", "sent"] as const satisfies DispatchState[];
/** Nothing becomes of them any more. */
export const finalStates = ["refused", "ended", "expired", "cancelled"] as const satisfies DispatchState[];

/** @param sent those machines have theirs in the next moment; for the others they are queued */
export async function addDispatches(
  database: Database,
  dispatches: readonly NewDispatch[],
  sent: ReadonlySet<string> = new Set(),
): Promise<void> {
  // the whole fleet is asked for the same
  const encoded = new Map(
    [...new Set(dispatches.map(({ work }) => work))].map((work) => [work, Work.encode(work).finish()]),
  );
  const rows = dispatches.map(({ id, batch, machineId, work, createdMs, createdBy, expiresMs }): ListRow => {
    const state: DispatchState = sent.has(machineId) ? "sent" : "queued";
    return [id, batch, machineId, encoded.get(work) ?? null, state, createdMs, createdBy, expiresMs];
  });
  const list = listOf(database, ["text", "text", "text", "bytes", "text", "bigint", "text", "bigint"], rows);
  await sql`insert into dispatches
    (id, batch, machine_id, work, state, created_ms, created_by, expires_ms, changed_ms)
    select column1, column2, column3, column4, column5, column6, column7, column8, column6
    from ${list} as asked`.execute(database);
}

/**
 * Takes what is queued for the machines whose stream a controller has; nobody else gets it meanwhile. To be called in a transaction.
 * @returns oldest first, and now "sent"
 */
export async function claimDispatches(
  transaction: Database,
  controllerId: string,
  nowMs: number,
  limit: number,
): Promise<StoredDispatch[]> {
  const rows = await transaction
    .updateTable("dispatches")
    .set({ state: "sent", changed_ms: nowMs })
    .where("id", "in", (where) =>
      where
        .selectFrom("dispatches")
        .innerJoin("machines", "machines.id", "dispatches.machine_id")
        .select("dispatches.id")
        .where("dispatches.state", "=", "queued")
        .where("dispatches.expires_ms", ">", nowMs)
        .where("machines.controller_id", "=", controllerId)
        .where("machines.state", "=", "active")
        .orderBy("dispatches.created_ms")
        .orderBy("dispatches.id")
        .limit(limit)
        .$if(storeKind(transaction) === "postgres", (query) => query.forUpdate("dispatches").skipLocked()),
    )
    .returningAll()
    .execute();
  return rows.map(dispatchOf).sort((a, b) => a.createdMs - b.createdMs);
}

/** Not by the index of states: of those that are away, SQLite would go through all that waits for any of them. */
const isUnanswered = sql<boolean>`coalesce(state, '') in (${sql.join(unanswered)})`;

/** What machines that have just come are to be sent, oldest first: all that they have not answered. They are "sent" by it. */
export async function takeUnanswered(
  database: Database,
  machineIds: readonly string[],
  nowMs: number,
): Promise<StoredDispatch[]> {
  // mostly there is none, and to look costs nobody a lock
  const there = await database
    .selectFrom("dispatches")
    .select("id")
    .where("machine_id", "in", oneOf(database, machineIds))
    .where(isUnanswered)
    .where("expires_ms", ">", nowMs)
    .execute();
  if (there.length === 0) return [];
  const ids = there.map(({ id }) => id);
  const rows = await database
    .updateTable("dispatches")
    .set({ state: "sent", changed_ms: nowMs })
    .where("id", "in", oneOf(database, ids))
    // somebody else may have cancelled it in this moment
    .where(isUnanswered)
    .returningAll()
    .execute();
  return rows.map(dispatchOf).sort((a, b) => a.createdMs - b.createdMs);
}

/** Sent to machines of this controller, and not answered for so long. */
export async function listSilent(
  database: Database,
  controllerId: string,
  changedBeforeMs: number,
  nowMs: number,
): Promise<StoredDispatch[]> {
  const rows = await database
    .selectFrom("dispatches")
    .innerJoin("machines", "machines.id", "dispatches.machine_id")
    .selectAll("dispatches")
    .where("dispatches.state", "=", "sent")
    .where("dispatches.expires_ms", ">", nowMs)
    .where("dispatches.changed_ms", "<", changedBeforeMs)
    .where("machines.controller_id", "=", controllerId)
    .where("machines.state", "=", "active")
    .orderBy("dispatches.created_ms")
    .execute();
  return rows.map(dispatchOf);
}

export interface Answer {
  /** Who answers: of others' dispatches nobody has a say. */
  readonly machineId: string;
  readonly dispatchId: string;
  /** undefined: refused. */
  readonly runId: string | undefined;
  readonly error: ErrorDetail | undefined;
}

/** The first answer counts. To be called in a transaction. @returns the batches that have changed by it */
export async function answerDispatches(
  transaction: Database,
  answers: readonly Answer[],
  nowMs: number,
): Promise<string[]> {
  const started = answers.filter(({ runId }) => runId !== undefined);
  const batches = await advance(transaction, unanswered, started, "running", nowMs);
  for (const { machineId, dispatchId, error } of answers.filter(({ runId }) => runId === undefined)) {
    const rows = await transaction
      .updateTable("dispatches")
      .set({
        state: "refused",
        changed_ms: nowMs,
        error: ErrorDetail.encode(error ?? ErrorDetail.create({ code: "internal" })).finish(),
      })
      .where("id", "=", dispatchId)
      .where("machine_id", "=", machineId)
      .where("state", "in", unanswered)
      .returning("batch")
      .execute();
    batches.push(...rows.map(({ batch }) => batch));
  }
  return [...new Set(batches)];
}

/** A run that a machine reports to have begun, or to be over, for a dispatch. */
export interface Followed {
  readonly machineId: string;
  readonly dispatchId: string;
  readonly runId: string;
  readonly isOver: boolean;
}

/** Whatever else was thought of a dispatch: its run is what counts. To be called in a transaction. @returns as {@link answerDispatches} */
export async function followDispatches(
  transaction: Database,
  followed: readonly Followed[],
  nowMs: number,
): Promise<string[]> {
  const isOver = followed.filter((each) => each.isOver);
  const begun = followed.filter((each) => !each.isOver);
  const batches = [
    ...(await advance(transaction, [...unanswered, "expired"], begun, "running", nowMs)),
    ...(await advance(transaction, [...unanswered, "expired", "running", "cancelled"], isOver, "ended", nowMs)),
  ];
  return [...new Set(batches)];
}

async function advance(
  transaction: Database,
  from: readonly DispatchState[],
  those: readonly { machineId: string; dispatchId: string; runId: string | undefined }[],
  to: DispatchState,
  nowMs: number,
): Promise<string[]> {
  if (those.length === 0) return [];
  // one statement must not change a row twice
  const newest = new Map(those.map((each) => [`${each.machineId} ${each.dispatchId}`, each]));
  const list = listOf(
    transaction,
    ["text", "text", "text"],
    [...newest.values()].map(({ machineId, dispatchId, runId }) => [machineId, dispatchId, runId ?? null]),
  );
  // SQLite would take the index of states, and go through the list for each dispatch, were the state compared bare
  const { rows } = await sql<{ batch: string }>`update dispatches
    set state = ${to}, changed_ms = ${nowMs}, run_id = v.column3
    from ${list} as v
    where machine_id = v.column1 and id = v.column2 and coalesce(state, '') in (${sql.join(from)})
    returning batch`.execute(transaction);
  return [...new Set(rows.map(({ batch }) => batch))];
}

/** Those whose time is over before their machine has answered. @returns their batches */
export async function expireDispatches(database: Database, nowMs: number): Promise<string[]> {
  const rows = await database
    .updateTable("dispatches")
    .set({ state: "expired", changed_ms: nowMs })
    .where("state", "in", unanswered)
    .where("expires_ms", "<=", nowMs)
    .returning("batch")
    .execute();
  return [...new Set(rows.map(({ batch }) => batch))];
}

/**
 * Not wanted any more. One that the machine may have got already is "cancelled" as well, and ended by the machine; should its run
 * have been done by then, the dispatch ends with it.
 * @returns those that nothing had become of yet, as they are now
 */
export async function cancelDispatches(
  database: Database,
  ids: readonly string[],
  cancelledBy: string,
  nowMs: number,
): Promise<StoredDispatch[]> {
  const rows = await database
    .updateTable("dispatches")
    .set({ state: "cancelled", changed_ms: nowMs, cancelled_by: cancelledBy })
    .where("id", "in", oneOf(database, ids))
    .where("state", "not in", finalStates)
    .returningAll()
    .execute();
  return rows.map(dispatchOf);
}

/** Those of a machine, or of those that a controller has, that were cancelled since then: it may have them nevertheless. */
export async function listCancelled(
  database: Database,
  whose: { readonly machineIds: readonly string[] } | { readonly controllerId: string },
  sinceMs: number,
): Promise<StoredDispatch[]> {
  const all = database
    .selectFrom("dispatches")
    .selectAll("dispatches")
    .where("dispatches.state", "=", "cancelled")
    .where("dispatches.changed_ms", ">=", sinceMs);
  const theirs =
    "machineIds" in whose
      ? all.where("dispatches.machine_id", "in", oneOf(database, whose.machineIds))
      : all
          .innerJoin("machines", "machines.id", "dispatches.machine_id")
          .where("machines.controller_id", "=", whose.controllerId);
  return (await theirs.execute()).map(dispatchOf);
}

/** By their ids. In no order. */
export async function getDispatches(database: Database, ids: readonly string[]): Promise<StoredDispatch[]> {
  if (ids.length === 0) return [];
  const rows = await database.selectFrom("dispatches").selectAll().where("id", "in", oneOf(database, ids)).execute();
  return rows.map(dispatchOf);
}

export interface DispatchFilter {
  readonly batch?: string | undefined;
  /** An empty list: none. */
  readonly machineIds?: readonly string[] | undefined;
  readonly states?: readonly DispatchState[] | undefined;
  readonly limit?: number | undefined;
}

/** Newest first. */
export async function listDispatches(database: Database, filter: DispatchFilter): Promise<StoredDispatch[]> {
  if (filter.machineIds?.length === 0) return [];
  let query = database.selectFrom("dispatches").selectAll();
  if (filter.batch !== undefined) query = query.where("batch", "=", filter.batch);
  if (filter.machineIds !== undefined) query = query.where(isAmong(database, "machine_id", filter.machineIds));
  if (filter.states !== undefined) query = query.where("state", "in", [...filter.states]);
  if (filter.limit !== undefined) query = query.limit(filter.limit);
  const rows = await query.orderBy("created_ms", "desc").orderBy("id").execute();
  return rows.map(dispatchOf);
}

export async function countDispatches(database: Database, states: readonly DispatchState[]): Promise<number> {
  const { count } = await database
    .selectFrom("dispatches")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("state", "in", [...states])
    .executeTakeFirstOrThrow();
  return Number(count);
}

function dispatchOf(row: Selectable<Tables["dispatches"]>): StoredDispatch {
  return {
    id: row.id,
    batch: row.batch,
    machineId: row.machine_id,
    work: Work.decode(row.work),
    state: row.state,
    createdMs: row.created_ms,
    createdBy: row.created_by,
    expiresMs: row.expires_ms,
    changedMs: row.changed_ms,
    runId: row.run_id ?? undefined,
    error: row.error === null ? undefined : ErrorDetail.decode(row.error),
    cancelledBy: row.cancelled_by || undefined,
  };
}
