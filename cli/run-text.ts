/** Runs and their events in words. */

import { showName } from "../common/file-name.ts";
import { escapeControls } from "../common/quote.ts";
import { formatBytes, formatDuration, plural } from "../common/units.ts";
import {
  type Item,
  Item_Action,
  type Retry,
  type Run,
  type RunEvent,
  RunState,
  Verb,
} from "../proto/gen/luksmith/v1/types.ts";
import { enumName } from "./enum-name.ts";
import { localTime } from "./local-time.ts";
import { progressText } from "./progress.ts";
import type { Cell } from "./table.ts";
import type { Style } from "./terminal.ts";

/** "backup", "volume create", "ls": as the command is called that does it. */
export function verbText(verb: Verb): string {
  if (verb === Verb.LIST_FILES) return "ls";
  if (verb === Verb.LIST_SNAPSHOTS) return "snapshots";
  const text = enumName(Verb, verb);
  const keyVerb = /^(\w+)_key$/.exec(text);
  if (keyVerb) return `key ${keyVerb[1]}`;
  const volumeVerb = /^(\w+)_volume$/.exec(text);
  return volumeVerb ? `volume ${volumeVerb[1]}` : text.replaceAll("_", " ");
}

export function stateText(state: RunState): string {
  return enumName(RunState, state);
}

/** "backup home": what was asked for, as it is typed. */
export function runTitle(run: Run): string {
  const title = `${verbText(run.verb)} ${escapeControls(run.job || run.volume)}`.trimEnd();
  return run.dryRun ? `${title} (dry run)` : title;
}

/** Milliseconds from start to end, or until now; undefined when it has not begun. */
export function runDurationMs(run: Run, now: Date): number | undefined {
  if (run.startedAt === undefined) return undefined;
  return Math.max(0, (run.finishedAt ?? now).getTime() - run.startedAt.getTime());
}

export function durationText(ms: number | undefined): string {
  return ms === undefined ? "-" : formatDuration(ms);
}

/** "done in 31 s: snapshot 2026-11-23T02-00-00Z: 3,012 files, 75 MiB new (run 7f3a)" */
export function endText(run: Run, now: Date): string {
  const head = `${stateText(run.state)} in ${durationText(runDurationMs(run, now))}`;
  const summary = run.summary === "" ? "" : `: ${escapeControls(run.summary)}`;
  return `${head}${summary} (run ${escapeControls(run.id)})`;
}

export function stateStyle(state: RunState): Style {
  if (state === RunState.DONE || state === RunState.RUNNING) return "green";
  return state === RunState.INCOMPLETE || state === RunState.SKIPPED ? "yellow" : "red";
}

export function stateCell({ state, retry }: Run): Cell {
  if (retry?.nextAt !== undefined) return { text: "waiting", style: "yellow" };
  return { text: stateText(state), style: stateStyle(state) };
}

/** "next try in 3 min, attempt 2 of 5: cannot reach vault", or, while that is under way, "attempt 2 of 5: ..." */
export function retryText({ attempt, attempts, nextAt, error }: Retry, now: Date): string {
  const count = `attempt ${attempt} of ${attempts}`;
  const when = nextAt === undefined ? "" : `next try ${soonText(nextAt, now)}, `;
  const why = error === undefined ? "" : `: ${escapeControls(error.message)}`;
  return `${when}${count}${why}`;
}

/** "in 3 min", "now": a run may also wait for its turn on the volume. */
function soonText(at: Date, now: Date): string {
  const ms = at.getTime() - now.getTime();
  return ms < 1000 ? "now" : `in ${formatDuration(Math.round(ms / 1000) * 1000)}`;
}

function attemptFailedText({ attempt, attempts, nextAt, error }: Retry, now: Date): string {
  const why = error === undefined ? "" : `: ${escapeControls(error.message)}`;
  const next = nextAt === undefined ? "" : `; next try ${soonText(nextAt, now)}`;
  return `attempt ${attempt - 1} of ${attempts} failed${why}${next}`;
}

export const runColumns = ["RUN", "VERB", "OF", "STATE", "STARTED", "DURATION", "SUMMARY"] as const;

/** A row below {@link runColumns}. */
export function runRow(run: Run, now: Date): Cell[] {
  return [
    run.id,
    run.dryRun ? `${verbText(run.verb)} (dry run)` : verbText(run.verb),
    run.job || run.volume,
    stateCell(run),
    localTime(run.startedAt),
    { text: durationText(runDurationMs(run, now)), align: "right" },
    run.retry === undefined ? run.error?.message || run.summary : retryText(run.retry, now),
  ];
}

/** "add       12.3 KiB  etc/hosts": one thing done to one file. */
export function itemText({ action, path, size, reason }: Item): string {
  const sized = action === Item_Action.ADD || action === Item_Action.CHANGE ? formatBytes(size) : "";
  const why = reason === "" ? "" : `  (${escapeControls(reason)})`;
  return `${enumName(Item_Action, action).padEnd(8)}  ${sized.padStart(8)}  ${showName(path)}${why}`;
}

export function warningText(message: string, path: Uint8Array): string {
  return path.length === 0 ? escapeControls(message) : `${showName(path)}: ${escapeControls(message)}`;
}

/** One event as one line, without its time; undefined for what a person need not see. */
export function eventText(event: RunEvent, now: Date): string | undefined {
  const kind = event.kind;
  switch (kind?.$case) {
    case "started":
      return kind.value.run === undefined
        ? "started"
        : `started ${runTitle(kind.value.run)}${byCaller(kind.value.run)}`;
    case "stepBegan":
      return `${escapeControls(kind.value.step)} ...`;
    case "stepEnded": {
      const { step, durationMs, error } = kind.value;
      const took = formatDuration(durationMs);
      return error === undefined
        ? `${escapeControls(step)}: done in ${took}`
        : `${escapeControls(step)}: failed after ${took}: ${escapeControls(error.message)}`;
    }
    case "progress":
      return progressText(kind.value);
    case "warning":
      return `warning: ${warningText(kind.value.message, kind.value.path)}`;
    case "note":
      return `note: ${escapeControls(kind.value.message)}`;
    case "item":
      return itemText(kind.value);
    case "attemptFailed":
      // as it was when it was said: a log is read later
      return kind.value.retry === undefined ? undefined : attemptFailedText(kind.value.retry, event.time ?? now);
    case "ended":
      return kind.value.run === undefined ? "ended" : endedText(kind.value.run, now);
    case undefined:
      return undefined;
  }
}

function byCaller(run: Run): string {
  return run.caller === undefined ? "" : `, asked by ${escapeControls(run.caller.name || `uid ${run.caller.uid}`)}`;
}

function endedText(run: Run, now: Date): string {
  const warnings = run.totals?.warnings ?? 0;
  const counted = warnings === 0 ? "" : `, ${plural(warnings, "warning")}`;
  const why = run.error === undefined ? "" : `: ${escapeControls(run.error.message)}`;
  return `${endText(run, now)}${counted}${why}`;
}
