/**
 * A line of the audit log. What clients send stands in it too: it is cut to a length, and cannot break the line, being
 * JSON.
 */

import * as z from "zod";
import { jsonText } from "../../common/json-text.ts";

const decisions = ["allowed", "refused", "started"] as const;

/** Names are shorter; so long may be what somebody typed in the place of one. */
const nameLimit = 128;
const reasonLimit = 1000;
const sourcesLimit = 2000;

const entrySchema = z.object({
  time: z.iso.datetime().transform((text) => new Date(text)),
  /** "started": the run that came of the decision with this id. */
  decision: z.enum(decisions),
  /** Of the decision; empty for what the agent starts by itself. */
  id: z.string(),
  /** null: the kernel did not say who called, or it was an order of the fleet's. */
  uid: z.number().nullable(),
  user: z.string(),
  /** Of the process that connected; 0 where it is in another PID namespace. */
  pid: z.number().nullable(),
  verb: z.string(),
  volume: z.string(),
  job: z.string(),
  run: z.string(),
  /** That a user has named, for a backup. */
  sources: z.array(z.string()).default([]),
  reason: z.string(),
});

export type AuditEntry = Readonly<z.output<typeof entrySchema>>;

/** Without its line break. At most some five thousand characters, whatever is in it. */
export function auditLine(entry: AuditEntry): string {
  const { decision, id, uid, user, pid, verb, volume, job, run, sources, reason } = entry;
  return jsonText({
    time: entry.time.toISOString(),
    decision,
    id,
    uid,
    user: cut(user, nameLimit),
    pid,
    verb,
    volume: cut(volume, nameLimit),
    job: cut(job, nameLimit),
    run: cut(run, nameLimit),
    ...(sources.length === 0 ? {} : { sources: cutList(sources, sourcesLimit) }),
    reason: cut(reason, reasonLimit),
  });
}

/** @returns undefined for a line that is none: the power went while it was written, or somebody edited it */
export function parseAuditLine(line: string): AuditEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return entrySchema.safeParse(value).data;
}

function cut(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}...` : text;
}

/** As many as there is room for; of what is left out it says how many that are. */
function cutList(texts: readonly string[], limit: number): string[] {
  const kept: string[] = [];
  let left = limit;
  for (const text of texts) {
    if (text.length > left) return [...kept, `... and ${texts.length - kept.length} more`];
    left -= text.length;
    kept.push(text);
  }
  return kept;
}
