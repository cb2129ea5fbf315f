/** Runs of the fleet's machines: those that there were, and ending them. */

import { escapeControls } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import {
  type CancelFleetRunResponse,
  DispatchState,
  type FleetRun,
  type ListFleetRunsRequest,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { dispatchWord, isOver } from "../fleet/dispatch-outcome.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetDispatchJson, fleetRunJson } from "../fleet/json.ts";
import { runName, workText } from "../fleet/text.ts";
import { progressText } from "../progress.ts";
import { runColumns, runRow, runTitle, stateText } from "../run-text.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function showFleetRuns(session: FleetSession, request: ListFleetRunsRequest): Promise<void> {
  const { runs } = await session.ask(session.fleet.listFleetRuns(request));
  session.result(
    () => runs.map(fleetRunJson),
    () => fleetRunsText(runs, session.clock.now(), session.paint),
  );
}

export function fleetRunsText(runs: readonly FleetRun[], now: Date, paint: Paint): string {
  if (runs.length === 0) return "no such run is on record\n";
  return table(
    [...runColumns, "CAUSE"],
    runs.map((run) => fleetRunRow(run, now)),
    paint,
  );
}

function fleetRunRow(fleetRun: FleetRun, now: Date): Cell[] {
  const { machine, run, cause, progress, late } = fleetRun;
  if (run === undefined) return [machine];
  const [, verb = "", of = "", state = "", started = "", duration = "", summary = ""] = runRow(run, now);
  const now_ = run.state === RunState.RUNNING && progress !== undefined ? progressText(progress) : summary;
  const shownState = late ? { text: `${stateText(run.state)}, late`, style: "red" as const } : state;
  return [runName(fleetRun, run), verb, of, shownState, started, duration, now_, causeText(cause)];
}

function causeText(cause: FleetRun["cause"]): string {
  if (cause === undefined) return "-";
  if (cause.schedule !== "") return `schedule ${cause.schedule}`;
  return cause.dispatchId === "" ? "on the machine" : "an operator";
}

export async function cancelFleetRun(session: FleetSession, asked: string): Promise<void> {
  const answer = await session.ask(session.fleet.cancelFleetRun({ run: asked }));
  session.result(
    () => [...answer.runs.map(fleetRunJson), ...answer.dispatches.map(fleetDispatchJson)],
    () => cancelledText(answer),
  );
}

export function cancelledText({ runs, dispatches }: CancelFleetRunResponse): string {
  const begun = [...runs, ...dispatches.flatMap(({ run }) => (run === undefined ? [] : [run]))];
  const lines = begun.flatMap((fleetRun) => {
    const { run } = fleetRun;
    if (run === undefined) return [];
    const name = escapeControls(runName(fleetRun, run));
    if (run.state !== RunState.RUNNING) return [`${name} (${runTitle(run)}) has ended: ${stateText(run.state)}`];
    return [`cancelling ${name}: ${runTitle(run)}`];
  });
  const withoutRun = dispatches.filter(({ run }) => run === undefined);
  for (const dispatch of withoutRun.slice(0, 20)) {
    const isTooLate = isOver(dispatch) && dispatch.state !== DispatchState.CANCELLED;
    const end = isTooLate ? `is over already: ${dispatchWord(dispatch)}` : "is not begun any more";
    lines.push(escapeControls(`${dispatch.machine}: ${workText(dispatch.work)} ${end}`));
  }
  if (withoutRun.length > 20) lines.push(`and on ${plural(withoutRun.length - 20, "machine")} more`);
  if (lines.length === 0) return "there is nothing left to end\n";
  return lines.map((line) => `${line}\n`).join("");
}
