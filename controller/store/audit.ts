/** What operators have asked for, and what was decided. */

import { randomUUID } from "node:crypto";
import type { Database } from "./schema.ts";

export interface AuditLine {
  readonly timeMs: number;
  readonly operator: string;
  readonly action: string;
  /** What it was about, in words; may be empty. */
  readonly target: string;
  readonly allowed: boolean;
  /** Why it was refused, or what came of it; may be empty. */
  readonly detail: string;
}

/** Longer ones tell nobody more: what operators send must not fill the database. */
const longestText = 500;

export async function addAudit(database: Database, line: AuditLine): Promise<void> {
  const { timeMs, operator, action, target, allowed, detail } = line;
  await database
    .insertInto("audit")
    .values({
      id: randomUUID(),
      time_ms: timeMs,
      operator,
      action,
      target: storable(target),
      allowed: allowed ? 1 : 0,
      detail: storable(detail),
    })
    .execute();
}

export interface AuditFilter {
  readonly operator: string | undefined;
  readonly sinceMs: number | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function listAudit(database: Database, filter: AuditFilter): Promise<AuditLine[]> {
  const { operator, sinceMs, limit } = filter;
  let query = database.selectFrom("audit").selectAll();
  if (operator !== undefined) query = query.where("operator", "=", operator);
  if (sinceMs !== undefined) query = query.where("time_ms", ">=", sinceMs);
  const rows = await query.orderBy("time_ms", "desc").orderBy("id").limit(limit).execute();
  return rows.map((row) => ({
    timeMs: row.time_ms,
    operator: row.operator,
    action: row.action,
    target: row.target,
    allowed: row.allowed !== 0,
    detail: row.detail,
  }));
}

export async function removeAudit(database: Database, beforeMs: number): Promise<void> {
  await database.deleteFrom("audit").where("time_ms", "<", beforeMs).execute();
}

/** PostgreSQL takes no NUL in a text, and no half of a pair. */
function storable(text: string): string {
  return text.slice(0, longestText).toWellFormed().replaceAll("\0", "\u{fffd}");
}
