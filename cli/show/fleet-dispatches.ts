/** What operators asked machines for: asking, watching what becomes of it, and what became of it before. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import type {
  DispatchRequest,
  DispatchResponse,
  FleetDispatch,
  FleetRun,
  ListDispatchesRequest,
  MachineNote,
} from "../../proto/gen/luksmith/v1/controller.ts";
import {
  byInterest,
  countsText,
  dispatchError,
  dispatchStyle,
  dispatchWord,
  isOver,
  isRunning,
  worstError,
} from "../fleet/dispatch-outcome.ts";
import { withEveryMachine } from "../fleet/every-machine.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetDispatchJson, fleetSkippedJson } from "../fleet/json.ts";
import { agoText, runName, workText } from "../fleet/text.ts";
import { jsonLine } from "../json.ts";
import { localTime } from "../local-time.ts";
import { progressText } from "../progress.ts";
import { durationText, runDurationMs } from "../run-text.ts";
import { type Cell, type Paint, table } from "../table.ts";

/** Machines that could not be asked are named as far as somebody reads; --json has all. */
const mostSkippedShown = 20;
/** Faster than that nobody reads. */
const redrawMs = 200;

/** @throws {LuksmithError} by the worst of what came of it */
export async function runOnMachines(
  session: FleetSession,
  request: DispatchRequest,
  options: { detach: boolean },
): Promise<void> {
  const { answer } = await withEveryMachine(session, request.everyMachine, (everyMachine) =>
    session.fleet.dispatch({ ...request, everyMachine }),
  );
  saySkipped(session, answer.skipped);
  if (answer.dispatches.length === 0) {
    throw new LuksmithError(
      "not_found",
      `no machine was asked: ${plural(answer.skipped.length, "machine")} could not be`,
      {
        hint: `which machines it names: luksmith fleet machines '${request.selector}'`,
      },
    );
  }
  if (request.dryRun) return sayWouldAsk(session, answer);
  if (options.detach) return sayAsked(session, answer);
  const ended = await watchBatch(session, answer.batch, answer.dispatches, request.selector);
  sayEnd(session, ended, answer.skipped.length);
}

function saySkipped(session: FleetSession, skipped: readonly MachineNote[]): void {
  if (session.json) {
    for (const note of skipped) session.terminal.outLine(jsonLine(fleetSkippedJson(note)));
    return;
  }
  const label = session.terminal.paintErr("yellow", "not asked:");
  for (const { machine, reason } of skipped.slice(0, mostSkippedShown)) {
    session.notice(`${label} ${escapeControls(`${machine}: ${reason}`)}`);
  }
  const more = skipped.length - mostSkippedShown;
  if (more > 0) session.notice(`${label} ${plural(more, "machine")} more`);
}

function sayWouldAsk(session: FleetSession, { dispatches }: DispatchResponse): void {
  session.result(
    () => dispatches.map(fleetDispatchJson),
    () => {
      const rows = dispatches.map(({ machine, work }) => [machine, workText(work)]);
      return `${table(["MACHINE", "WOULD DO"], rows, session.paint)}${plural(dispatches.length, "machine")}, not asked\n`;
    },
  );
}

function sayAsked(session: FleetSession, { batch, dispatches }: DispatchResponse): void {
  session.result(
    () => dispatches.map(fleetDispatchJson),
    () => `${plural(dispatches.length, "machine")} asked: ${escapeControls(batch)}\n`,
  );
  session.notice(goesOnText(batch));
}

function goesOnText(batch: string): string {
  const id = escapeControls(batch);
  return `  luksmith fleet dispatches ${id} --follow   watches it\n  luksmith fleet cancel ${id}                ends it`;
}

/**
 * @param selector of machines that those are among; empty: all
 * @returns each as it ended, by name
 */
async function watchBatch(
  session: FleetSession,
  batch: string,
  begun: readonly FleetDispatch[],
  selector: string,
): Promise<FleetDispatch[]> {
  const known = new Map(begun.map((dispatch) => [dispatch.id, dispatch]));
  const { terminal } = session;
  let newest: readonly FleetRun[] = [];
  const draw = () => terminal.showPicture(pictureLines(withProgress([...known.values()], newest), terminal.liveRows));
  const isOverHere = new AbortController();
  if (!session.json && terminal.live) {
    const signal = AbortSignal.any([isOverHere.signal, session.stop]);
    void followProgress(session, selector, signal, (running) => {
      newest = running;
    });
  }
  const timer = session.json || !terminal.live ? undefined : setInterval(draw, redrawMs);
  try {
    for await (const { dispatch } of session.fleet.watchDispatches({ batch }, session.stop)) {
      if (dispatch === undefined) continue;
      const before = known.get(dispatch.id);
      known.set(dispatch.id, dispatch);
      if (session.json) terminal.outLine(jsonLine(fleetDispatchJson(dispatch)));
      else if (!terminal.live && before !== undefined && dispatchWord(before) !== dispatchWord(dispatch)) {
        terminal.errLine(lineText(dispatch));
      }
    }
  } catch (error) {
    if (session.stop.aborted) session.notice(`stopped watching; it goes on\n${goesOnText(batch)}`);
    throw error;
  } finally {
    isOverHere.abort();
    clearInterval(timer);
    terminal.clear();
  }
  const all = [...known.values()];
  if (all.every(isOver)) return all.toSorted((one, other) => (one.machine < other.machine ? -1 : 1));
  throw new LuksmithError("unreachable", `the controller stopped telling: ${countsText(all)}`, {
    hint: `luksmith fleet dispatches ${escapeControls(batch)} --follow`,
  });
}

/** How far runs are is told beside what becomes of dispatches; without it there is less to see, and nothing wrong. */
async function followProgress(
  session: FleetSession,
  selector: string,
  signal: AbortSignal,
  onRunning: (running: readonly FleetRun[]) => void,
): Promise<void> {
  try {
    for await (const { running } of session.fleet.watchFleet({ selector }, signal)) onRunning(running);
  } catch {
    // it may have ended, or be broken as the other is, which says so
  }
}

/** Each with the newest figures of its run. Pure. */
export function withProgress(dispatches: readonly FleetDispatch[], running: readonly FleetRun[]): FleetDispatch[] {
  const keyOf = ({ machine, run }: FleetRun) => `${machine}/${run?.id}`;
  const figures = new Map(running.map((run) => [keyOf(run), run.progress]));
  return dispatches.map((dispatch) => {
    const { run } = dispatch;
    const progress = run === undefined ? undefined : figures.get(keyOf(run));
    return run === undefined || progress === undefined ? dispatch : { ...dispatch, run: { ...run, progress } };
  });
}

/** What is on the terminal while it goes on: how many are where, and of each machine as far as there is room. Pure. */
export function pictureLines(dispatches: readonly FleetDispatch[], rows: number): string[] {
  const [first] = dispatches;
  const head = escapeControls(
    `${workText(first?.work)} on ${plural(dispatches.length, "machine")}  ${countsText(dispatches)}`,
  );
  const shown = byInterest(dispatches).slice(0, Math.max(0, rows - 1));
  const width = Math.max(0, ...shown.map(({ machine }) => machine.length));
  return [
    head,
    ...shown.map((dispatch) => {
      const parts = [dispatch.machine.padEnd(width), dispatchWord(dispatch).padEnd(10), detailText(dispatch)];
      return escapeControls(parts.join("  ").trimEnd());
    }),
  ];
}

function detailText(dispatch: FleetDispatch): string {
  const { run } = dispatch;
  if (isRunning(dispatch) && run?.progress !== undefined) return progressText(run.progress);
  return dispatchError(dispatch)?.message ?? run?.run?.summary ?? "";
}

function lineText(dispatch: FleetDispatch): string {
  const detail = detailText(dispatch);
  return escapeControls(`${dispatch.machine}: ${dispatchWord(dispatch)}${detail === "" ? "" : `: ${detail}`}`);
}

function sayEnd(session: FleetSession, dispatches: readonly FleetDispatch[], skipped: number): void {
  if (!session.json) session.terminal.out(outcomesText(dispatches, session.clock.now(), session.paint));
  const error = worstError(dispatches, skipped);
  if (error !== undefined) throw error;
}

export function outcomesText(dispatches: readonly FleetDispatch[], now: Date, paint: Paint): string {
  const rows = dispatches.map((dispatch): Cell[] => {
    const { machine, run } = dispatch;
    const done = run?.run;
    return [
      run === undefined || done === undefined ? machine : runName(run, done),
      { text: dispatchWord(dispatch), style: dispatchStyle(dispatch) },
      { text: done === undefined ? "-" : durationText(runDurationMs(done, now)), align: "right" },
      detailText(dispatch),
    ];
  });
  return table(["RUN", "OUTCOME", "DURATION", "SUMMARY"], rows, paint);
}

export async function showDispatches(session: FleetSession, request: ListDispatchesRequest): Promise<void> {
  const { dispatches } = await session.ask(session.fleet.listDispatches(request));
  session.result(
    () => dispatches.map(fleetDispatchJson),
    () => dispatchesText(dispatches, session.clock.now(), session.paint),
  );
}

export function dispatchesText(dispatches: readonly FleetDispatch[], now: Date, paint: Paint): string {
  if (dispatches.length === 0) return "nothing of that kind was asked for\n";
  const rows = dispatches.map((dispatch): Cell[] => [
    dispatch.batch,
    dispatch.machine,
    workText(dispatch.work),
    { text: dispatchWord(dispatch), style: dispatchStyle(dispatch) },
    localTime(dispatch.createdAt),
    dispatch.createdBy,
    detailText(dispatch) || (isOver(dispatch) ? "" : `until ${agoText(dispatch.expiresAt, now)}`),
  ]);
  return table(["ASKED", "MACHINE", "FOR", "STATE", "AT", "BY", "SUMMARY"], rows, paint);
}

/** As `fleet run` does after it has asked. @throws {LuksmithError} by the worst of what came of it */
export async function followBatch(session: FleetSession, batch: string): Promise<void> {
  const ended = await watchBatch(session, batch, [], "");
  if (ended.length === 0) {
    throw new LuksmithError("not_found", `nothing was asked for as ${escapeControls(batch)}`, {
      hint: "luksmith fleet dispatches lists what was",
    });
  }
  sayEnd(session, ended, 0);
}
