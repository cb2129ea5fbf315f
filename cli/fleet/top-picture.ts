/** What `fleet top` draws: pure. Each section has at least a line, as long as there is room at all. */

import { escapeControls } from "../../common/quote.ts";
import { formatDuration, plural } from "../../common/units.ts";
import type { Alert, FleetDispatch, FleetRun, WatchFleetResponse } from "../../proto/gen/luksmith/v1/controller.ts";
import { localTime } from "../local-time.ts";
import { progressText } from "../progress.ts";
import { runDurationMs, runTitle, stateText } from "../run-text.ts";
import type { Paint } from "../table.ts";
import { fitColumns, type Style } from "../terminal.ts";
import { dispatchWord } from "./dispatch-outcome.ts";
import { agoText, workText } from "./text.ts";

export interface PictureSize {
  readonly rows: number;
  readonly columns: number;
}

interface Section {
  readonly title: string;
  readonly style: Style;
  readonly lines: readonly string[];
}

interface Line {
  readonly text: string;
  readonly style?: Style;
}

/** @param note stands in the second line, such as that the controller is away */
export function topLines(view: WatchFleetResponse, now: Date, size: PictureSize, note: string, paint: Paint): string[] {
  const sections = sectionsOf(view, now).filter(({ lines }) => lines.length > 0);
  const lines: Line[] = [
    { text: headText(view, now), style: "bold" },
    { text: note, style: "yellow" },
  ];
  const room = shares(
    sections.map(({ lines: { length } }) => length),
    // a title and a blank line for each
    Math.max(0, size.rows - lines.length - 2 * sections.length),
  );
  for (const [index, { title, style, lines: all }] of sections.entries()) {
    const share = room[index] ?? 0;
    const more = all.length - share;
    lines.push({ text: more > 0 ? `${title} (${all.length}, ${share} shown)` : `${title} (${all.length})`, style });
    lines.push(...all.slice(0, share).map((text) => ({ text })), { text: "" });
  }
  if (sections.length === 0) lines.push({ text: "nothing runs, nothing waits, nothing is wrong" });
  return lines.slice(0, size.rows).map(({ text, style }) => {
    const cut = fitColumns(text, size.columns - 1);
    return style === undefined || cut === "" ? cut : paint(style, cut);
  });
}

/** How many lines each gets of so many: one each, then the next to whoever has the fewest and wants more. Pure. */
export function shares(wanted: readonly number[], room: number): number[] {
  const given = wanted.map(() => 0);
  for (let left = room; left > 0; left -= 1) {
    let least: number | undefined;
    for (const [index, want] of wanted.entries()) {
      const has = given[index] ?? 0;
      if (has < want && (least === undefined || has < (given[least] ?? 0))) least = index;
    }
    if (least === undefined) break;
    given[least] = (given[least] ?? 0) + 1;
  }
  return given;
}

function headText({ fleet }: WatchFleetResponse, now: Date): string {
  if (fleet === undefined) return localTime(now);
  return [
    localTime(now),
    `${plural(fleet.machines, "machine")}, ${fleet.connected} connected`,
    `${fleet.running} running`,
    `${fleet.queued} queued`,
    `${fleet.overdue} overdue`,
    plural(fleet.alerts, "alert"),
    "q ends",
  ].join("  ");
}

function sectionsOf({ running, queued, failing, overdue }: WatchFleetResponse, now: Date): Section[] {
  return [
    { title: "RUNNING", style: "green", lines: aligned(running.map((run) => runningParts(run, now))) },
    { title: "QUEUED", style: "dim", lines: aligned(queued.map((dispatch) => queuedParts(dispatch, now))) },
    { title: "FAILING", style: "red", lines: aligned(failing.map((run) => failingParts(run, now))) },
    { title: "OVERDUE", style: "red", lines: aligned(overdue.map((alert) => overdueParts(alert, now))) },
  ];
}

function runningParts({ machine, run, progress, late }: FleetRun, now: Date): string[] {
  const since = run === undefined ? undefined : runDurationMs(run, now);
  const time = since === undefined ? "-" : formatDuration(Math.round(since / 1000) * 1000 || 1000);
  return [machine, run === undefined ? "-" : runTitle(run), late ? `${time}, late` : time, progressOf(progress)];
}

function progressOf(progress: FleetRun["progress"]): string {
  return progress === undefined ? "" : progressText(progress);
}

function queuedParts(dispatch: FleetDispatch, now: Date): string[] {
  const { machine, work, createdAt, createdBy } = dispatch;
  return [machine, workText(work), dispatchWord(dispatch), `asked ${agoText(createdAt, now)} by ${createdBy}`];
}

function failingParts({ machine, run }: FleetRun, now: Date): string[] {
  if (run === undefined) return [machine];
  const why = run.error?.message ?? run.summary;
  return [machine, runTitle(run), `${stateText(run.state)} ${agoText(run.finishedAt ?? run.startedAt, now)}`, why];
}

function overdueParts({ machine, job, since, message }: Alert, now: Date): string[] {
  return [machine, job, agoText(since, now), message];
}

/** The parts of each below one another, but for the last, and harmless. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const safe = rows.map((row) => row.map(escapeControls));
  const widths: number[] = [];
  for (const row of safe) {
    for (const [index, part] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, part.length);
  }
  return safe.map((row) =>
    `  ${row.map((part, index) => (index === row.length - 1 ? part : part.padEnd(widths[index] ?? 0))).join("  ")}`.trimEnd(),
  );
}
