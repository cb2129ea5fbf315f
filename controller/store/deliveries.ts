/** Messages that are to leave: they stay here until they have, or are given up. */

import { type Selectable, sql } from "kysely";
import { listOf } from "./json-list.ts";
import { storeKind } from "./kind.ts";
import type { Database, Tables } from "./schema.ts";

export interface NewDelivery {
  /** The same message is not stored twice. */
  readonly id: string;
  readonly channel: string;
  /** JSON. */
  readonly payload: string;
  readonly createdMs: number;
  /** Not before. */
  readonly dueMs: number;
}

export interface Delivery {
  readonly id: string;
  readonly channel: string;
  readonly payload: string;
  readonly createdMs: number;
  /** The one that is made now included. */
  readonly attempts: number;
}

const rowsAtOnce = 500;

export async function addDeliveries(database: Database, deliveries: readonly NewDelivery[]): Promise<void> {
  for (let from = 0; from < deliveries.length; from += rowsAtOnce) {
    await database
      .insertInto("deliveries")
      .values(
        deliveries.slice(from, from + rowsAtOnce).map(({ id, channel, payload, createdMs, dueMs }) => ({
          id,
          channel,
          payload,
          created_ms: createdMs,
          attempts: 0,
          next_ms: dueMs,
          error: "",
        })),
      )
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }
}

/**
 * Takes those that are due, the oldest first: nobody else gets them for `leaseMs`. Whoever has taken some and dies has them sent
 * again after that.
 */
export async function claimDeliveries(
  database: Database,
  { nowMs, leaseMs, limit }: { nowMs: number; leaseMs: number; limit: number },
): Promise<Delivery[]> {
  const due = database
    .selectFrom("deliveries")
    .select("id")
    .where("next_ms", "<=", nowMs)
    .orderBy("next_ms")
    .limit(limit)
    .$if(storeKind(database) === "postgres", (query) => query.forUpdate().skipLocked());
  const rows = await database
    .updateTable("deliveries")
    .set(({ eb }) => ({ next_ms: nowMs + leaseMs, attempts: eb("attempts", "+", 1) }))
    .where("id", "in", due)
    .returningAll()
    .execute();
  return rows.map(deliveryOf).toSorted((a, b) => a.createdMs - b.createdMs);
}

/** It has left. */
export async function finishDelivery(database: Database, id: string): Promise<void> {
  await database.updateTable("deliveries").set({ next_ms: null, error: "" }).where("id", "=", id).execute();
}

/** @param nextMs undefined: given up */
export async function failDelivery(
  database: Database,
  id: string,
  error: string,
  nextMs: number | undefined,
): Promise<void> {
  await database
    .updateTable("deliveries")
    .set({ next_ms: nextMs ?? null, error })
    .where("id", "=", id)
    // it was withdrawn while it was under way
    .where("next_ms", "is not", null)
    .execute();
}

/** That they are not to be sent any more, if they have not been yet. */
export async function withdrawDeliveries(database: Database, ids: readonly string[]): Promise<void> {
  for (let from = 0; from < ids.length; from += rowsAtOnce) {
    const part = ids.slice(from, from + rowsAtOnce);
    await database.updateTable("deliveries").set({ next_ms: null }).where("id", "in", part).execute();
  }
}

/** What is not to be sent any more, whichever its id is. */
export interface Superseded {
  readonly idPrefix: string;
  readonly payload: string;
}

/** The same for those that say this and still wait. */
export async function withdrawSuperseded(database: Database, those: readonly Superseded[]): Promise<void> {
  if (those.length === 0) return;
  const list = listOf(
    database,
    ["text", "text"],
    those.map(({ idPrefix, payload }) => [idPrefix, payload]),
  );
  await sql`update deliveries set next_ms = null from ${list} as v
    where next_ms > 0 and payload = v.column2 and substr(id, 1, length(v.column1)) = v.column1`.execute(database);
}

/** When the next one is due. */
export async function nextDeliveryMs(database: Database): Promise<number | undefined> {
  const row = await database
    .selectFrom("deliveries")
    .select(({ fn }) => fn.min<number | null>("next_ms").as("next"))
    .executeTakeFirst();
  return row?.next ?? undefined;
}

/** How many wait, by channel; and when the oldest of them was made. */
export async function countDeliveries(
  database: Database,
): Promise<{ channel: string; count: number; oldestMs: number }[]> {
  const rows = await database
    .selectFrom("deliveries")
    .select(({ fn }) => ["channel", fn.countAll<number>().as("count"), fn.min<number>("created_ms").as("oldest")])
    .where("next_ms", "is not", null)
    .groupBy("channel")
    .execute();
  return rows.map(({ channel, count, oldest }) => ({ channel, count: Number(count), oldestMs: oldest }));
}

/** Those that have left, or were given up. @returns how many */
export async function forgetDeliveries(database: Database, createdBeforeMs: number): Promise<number> {
  const gone = await database
    .deleteFrom("deliveries")
    .where("next_ms", "is", null)
    .where("created_ms", "<", createdBeforeMs)
    .executeTakeFirst();
  return Number(gone.numDeletedRows);
}

function deliveryOf({ id, channel, payload, created_ms, attempts }: Selectable<Tables["deliveries"]>): Delivery {
  return { id, channel, payload, createdMs: created_ms, attempts };
}
