/** The answer of ListAudit, a line for each decision as it comes. */

import { escapeControls, quoteText } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import { type AuditEntry, AuditEntry_Decision, type ListAuditRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import { enumName } from "../enum-name.ts";
import { auditJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import type { Session } from "../session.ts";
import type { Paint } from "../table.ts";

export async function showAudit(session: Session, request: ListAuditRequest): Promise<void> {
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  let unreadable = 0;
  let count = 0;
  for await (const { kind } of session.agent.listAudit(request, session.stop)) {
    if (kind?.$case === "unreadable") unreadable += kind.value;
    if (kind?.$case !== "entry") continue;
    const entry = kind.value;
    count += 1;
    session.result(
      () => [auditJson(entry)],
      () => auditText(entry, paint),
    );
  }
  if (count === 0) session.notice("nothing of that kind is on record");
  if (unreadable > 0) session.notice(`${plural(unreadable, "line")} of the audit log cannot be read`);
}

/** "2026-11-23 02:00:05  refused  alice (1000)   backup     job home         no rule ..." */
function auditText(entry: AuditEntry, paint: Paint): string {
  const decision = enumName(AuditEntry_Decision, entry.decision).padEnd(7);
  const who = entry.uid === undefined ? entry.user || "unknown" : `${entry.user || "?"} (${entry.uid})`;
  const about = entry.job !== "" ? `job ${entry.job}` : entry.volume === "" ? "" : `volume ${entry.volume}`;
  const run = entry.run === "" ? "" : `run ${entry.run}`;
  const sources = entry.sources.map(quoteText).join(" ");
  const columns = [
    localTime(entry.time),
    entry.decision === AuditEntry_Decision.REFUSED ? paint("red", decision) : decision,
    who.padEnd(14),
    entry.verb.padEnd(9),
    about.padEnd(16),
    [run, entry.reason, sources].filter((part) => part !== "").join(": "),
  ];
  return `${columns
    .map((text, index) => (index === 1 ? text : escapeControls(text)))
    .join("  ")
    .trimEnd()}\n`;
}
