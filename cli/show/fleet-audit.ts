/** What operators did, and tried to: the newest last, as a log is read. */

import { escapeControls } from "../../common/quote.ts";
import type { FleetAuditEntry, ListFleetAuditRequest } from "../../proto/gen/luksmith/v1/controller.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetAuditJson } from "../fleet/json.ts";
import { localTime } from "../local-time.ts";
import type { Paint } from "../table.ts";

export async function showFleetAudit(session: FleetSession, request: ListFleetAuditRequest): Promise<void> {
  const { entries } = await session.ask(session.fleet.listFleetAudit(request));
  const oldestFirst = entries.toReversed();
  session.result(
    () => oldestFirst.map(fleetAuditJson),
    () => oldestFirst.map((entry) => fleetAuditText(entry, session.paint)).join(""),
  );
  if (entries.length === 0) session.notice("nothing of that kind is on record");
}

/** "2026-11-23 02:00:05  refused  alice           RevokeMachine         web01: for admins alone" */
export function fleetAuditText(
  { time, operator, action, target, allowed, detail }: FleetAuditEntry,
  paint: Paint,
): string {
  const decision = allowed ? "allowed" : paint("red", "refused");
  const about = [target, detail].filter((part) => part !== "").join(": ");
  const rest = [(operator || "nobody").padEnd(14), action.padEnd(20), about].map(escapeControls).join("  ");
  return `${`${localTime(time)}  ${decision}  ${rest}`.trimEnd()}\n`;
}
