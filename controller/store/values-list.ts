/** Rows that are no table's, to be joined with one: many of its rows are then changed by one statement. */

import { type RawBuilder, sql } from "kysely";

export type ColumnType = "text" | "bigint";
export type ListRow = readonly (string | number | null)[];

/** PostgreSQL takes 65,535 parameters in a statement, SQLite 32,766. */
const mostParameters = 8000;

/**
 * Both databases call the columns of such a list column1, column2 and so on; PostgreSQL has to be told what kind they are.
 * @param rows one at least
 */
export function valuesList(types: readonly ColumnType[], rows: readonly ListRow[]): RawBuilder<unknown> {
  const row = (values: ListRow) =>
    sql`(${sql.join(values.map((value, index) => sql`cast(${value} as ${sql.raw(types[index] ?? "text")})`))})`;
  return sql`(values ${sql.join(rows.map(row))})`;
}

/** As many rows at a time as go into one statement. */
export function inParts<Row>(rows: readonly Row[], columns: number): Row[][] {
  const size = Math.max(1, Math.floor(mostParameters / columns));
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, part) => rows.slice(part * size, (part + 1) * size));
}
