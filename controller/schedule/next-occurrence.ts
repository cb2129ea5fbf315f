/** When a schedule is due next, for people: each machine begins at its own moment within the splay. Pure. */

import { Occurrences } from "../../common/schedule/occurrences.ts";
import { Windows } from "../../common/schedule/windows.ts";
import type { FleetSchedule } from "./fleet-schedule.ts";

/** @returns undefined when it is never, or when it goes by each machine's own time zone */
export function nextOccurrence({ cron, timezone, windows }: FleetSchedule, afterMs: number): number | undefined {
  if (timezone === undefined) return undefined;
  const next = new Occurrences(cron, timezone).next(afterMs);
  return next === undefined ? undefined : new Windows(windows, timezone).firstOpen(next);
}
