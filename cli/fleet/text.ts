/** What the answers about a fleet have in common, in words. */

import { formatDuration } from "../../common/units.ts";
import type { FleetRun, Label } from "../../proto/gen/luksmith/v1/controller.ts";
import type { Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import { verbText } from "../run-text.ts";

/** "env=prod role=web", by name. */
export function labelsText(labels: readonly Label[]): string {
  return labels
    .map(({ name, value }) => `${name}=${value}`)
    .sort()
    .join(" ");
}

/** "backup home", "verify home (full)": what machines are to do. */
export function workText(work: Work | undefined): string {
  if (work === undefined) return "-";
  const title = `${verbText(work.verb)} ${work.job || work.volume}`.trimEnd();
  const notes = [work.level, work.dryRun ? "dry run" : ""].filter((note) => note !== "");
  return notes.length === 0 ? title : `${title} (${notes.join(", ")})`;
}

/** As it is typed behind `fleet log` and `fleet cancel`. */
export function runName({ machine }: FleetRun, { id }: Run): string {
  return `${machine}/${id}`;
}

/** "3 min ago", "in 2 h", "-" when it is not known. */
export function agoText(time: Date | undefined, now: Date): string {
  if (time === undefined) return "-";
  const ms = now.getTime() - time.getTime();
  return ms >= 0 ? `${formatDuration(wholeSeconds(ms))} ago` : `in ${formatDuration(wholeSeconds(-ms))}`;
}

/** Nobody counts the tenths of what is on a screen. */
function wholeSeconds(ms: number): number {
  return Math.max(1000, Math.round(ms / 1000) * 1000);
}
