/**
 * Rows that are no table's, to be joined with one: many of its rows are then read or changed by one statement, however many they are.
 * The list is one parameter, as JSON, so that the statement's text is always the same and is compiled once.
 */

import { type RawBuilder, type SqlBool, sql } from "kysely";
import { storeKind } from "./kind.ts";
import type { Database } from "./schema.ts";

export type ColumnType = "text" | "bigint" | "bytes";
export type ListRow = readonly (string | number | null | Uint8Array)[];

/**
 * To be named by "as"; its columns are column1, column2 and so on.
 * @param types of the columns: https://www.sqlite.org/json1.html#jeach, https://www.postgresql.org/docs/current/functions-json.html
 */
export function listOf(
  database: Database,
  types: readonly ColumnType[],
  rows: readonly ListRow[],
): RawBuilder<unknown> {
  const json = JSON.stringify(rows.map((row) => row.map(inJson)));
  const [cast, each] =
    storeKind(database) === "sqlite"
      ? [sqliteCast, sql`json_each(${json})`]
      : [postgresCast, sql`json_array_elements(${json}::json)`];
  const columns = types.map((type, index) => sql`${cast(type, index)} as ${sql.ref(`column${index + 1}`)}`);
  return sql`(select ${sql.join(columns)} from ${each} as listed)`;
}

/** For `where("id", "in", ...)`. */
export function oneOf(database: Database, values: readonly string[]): RawBuilder<string> {
  const list = listOf(
    database,
    ["text"],
    values.map((value) => [value]),
  );
  return sql<string>`(select column1 from ${list} as one)`;
}

/** From so many on it is quicker to go through rows in the order in which they are wanted than to look up each value. */
const many = 500;

/** Whether a column has one of these in it, for what is wanted in another order than the column's: a part of the fleet, or nearly all. */
export function isAmong(database: Database, column: string, values: readonly string[]): RawBuilder<SqlBool> {
  // a plus keeps SQLite from using an index for it (https://www.sqlite.org/optoverview.html, 2.1)
  const isPlain = values.length <= many || storeKind(database) === "postgres";
  return sql`${sql.raw(isPlain ? "" : "+")}${sql.ref(column)} in ${oneOf(database, values)}`;
}

function sqliteCast(type: ColumnType, index: number): RawBuilder<unknown> {
  const value = sql`listed.value ->> ${sql.lit(index)}`;
  return type === "bytes" ? sql`unhex(${value})` : value;
}

function postgresCast(type: ColumnType, index: number): RawBuilder<unknown> {
  const value = sql`(listed.value ->> ${sql.lit(index)})`;
  return type === "bytes" ? sql`decode(${value}, 'hex')` : sql`${value}::${sql.raw(type)}`;
}

/** Half a character is none: as a parameter of its own it would be replaced as well. */
function inJson(value: ListRow[number]): string | number | null {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  return typeof value === "string" ? value.toWellFormed() : value;
}
