/** What operators asked machines for: asking, watching what becomes of it, and what became of it before. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import type {
  DispatchRequest,
  DispatchResponse,
  FleetDispatch,
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
  const ended = await watchBatch(session, answer.batch, answer.dispatches);
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

/** @returns each as it ended, by name */
async function watchBatch(
  session: FleetSession,
  batch: string,
  begun: readonly FleetDispatch[],
): Promise<FleetDispatch[]> {
  const known = new Map(begun.map((dispatch) => [dispatch.id, dispatch]));
  const { terminal } = session;
  const draw = () => terminal.showPicture(pictureLines([...known.values()], terminal.liveRows));
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
    clearInterval(timer);
    terminal.clear();
  }
  const all = [...known.values()];
  if (all.every(isOver)) return all.toSorted((one, other) => (one.machine < other.machine ? -1 : 1));
  throw new LuksmithError("unreachable", `the controller stopped telling: ${countsText(all)}`, {
    hint: `luksmith fleet dispatches ${escapeControls(batch)} --follow`,
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
  const ended = await watchBatch(session, batch, []);
  if (ended.length === 0) {
    throw new LuksmithError("not_found", `nothing was asked for as ${escapeControls(batch)}`, {
      hint: "luksmith fleet dispatches lists what was",
    });
  }
  sayEnd(session, ended, 0);
}
