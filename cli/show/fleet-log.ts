/** The events of a run on one of the machines: what the controller has of it, then what the machine tells live. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import type { FleetRun } from "../../proto/gen/luksmith/v1/controller.ts";
import { type Run, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { runName } from "../fleet/text.ts";
import { outcomeError } from "../outcome.ts";
import { LiveView } from "../views/live-view.ts";
import { LogView } from "../views/log-view.ts";
import { makeRunView, type RunView } from "../views/run-view.ts";

/** @throws {LuksmithError} with `follow`, what the run ended with */
export async function showFleetLog(session: FleetSession, asked: string, follow: boolean): Promise<void> {
  const { terminal, clock } = session;
  const live = follow && terminal.live ? new LiveView(terminal, clock) : undefined;
  const view = session.json ? makeRunView(session) : new LogView(terminal, clock, live);
  const { name, run } = await showEvents(session, { run: asked, follow }, view);
  const command = `luksmith fleet log ${escapeControls(name)}`;
  if (!follow) {
    if (run.state === RunState.RUNNING) session.notice(`${escapeControls(name)} goes on: ${command} --follow`);
    return;
  }
  if (run.state === RunState.RUNNING) {
    throw new LuksmithError("unreachable", `the controller stopped telling about ${escapeControls(name)}`, {
      hint: `${command} --follow`,
    });
  }
  const error = outcomeError(run, command);
  if (error !== undefined) throw error;
}

/** @returns the run as it is, or as it ended */
async function showEvents(
  session: FleetSession,
  request: { run: string; follow: boolean },
  view: RunView,
): Promise<{ name: string; run: Run }> {
  let seen: { fleetRun: FleetRun; run: Run } | undefined;
  try {
    for await (const { kind } of session.fleet.watchFleetRun(request, session.stop)) {
      if (kind?.$case === "run" && kind.value.run !== undefined) {
        seen = { fleetRun: kind.value, run: kind.value.run };
      }
      if (kind?.$case !== "event" || seen === undefined) continue;
      view.show(seen.run.id, kind.value);
      const event = kind.value.kind;
      if (event?.$case === "ended" && event.value.run !== undefined) seen = { ...seen, run: event.value.run };
    }
  } catch (error) {
    view.close();
    if (session.stop.aborted && seen !== undefined) {
      const name = escapeControls(runName(seen.fleetRun, seen.run));
      session.notice(
        `stopped watching; ${name} goes on\n  luksmith fleet log ${name} --follow   watches it\n  luksmith fleet cancel ${name}         ends it`,
      );
    }
    throw error;
  } finally {
    view.close();
  }
  if (seen === undefined) throw new LuksmithError("internal", "the controller did not say which run that is");
  return { name: runName(seen.fleetRun, seen.run), run: seen.run };
}
