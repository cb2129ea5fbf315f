/** Lists of values in a statement: as many at a time as a database takes. */

/** PostgreSQL takes 65,535 parameters in a statement, SQLite 32,766. */
const mostParameters = 8000;

/** As many rows at a time as go into one statement. */
export function inParts<Row>(rows: readonly Row[], columns: number): Row[][] {
  const size = Math.max(1, Math.floor(mostParameters / columns));
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, part) => rows.slice(part * size, (part + 1) * size));
}
