/** The answer of GetStatus. */

import { escapeControls } from "../../common/quote.ts";
import { formatBytes, formatDuration, plural } from "../../common/units.ts";
import {
  type FleetConnection,
  FleetConnection_State,
  type GetStatusResponse,
  type JobStatus,
} from "../../proto/gen/luksmith/v1/agent.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import { statusJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import { runColumns, runRow, stateStyle, stateText } from "../run-text.ts";
import type { Session } from "../session.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function showStatus(session: Session): Promise<void> {
  const status = await session.waitFor("asking the agent", session.agent.getStatus());
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => [statusJson(status)],
    () => statusText(status, session.clock.now(), paint),
  );
}

export function statusText(status: GetStatusResponse, now: Date, paint: Paint): string {
  const up = status.startedAt === undefined ? "" : `, up ${formatDuration(now.getTime() - status.startedAt.getTime())}`;
  const lines = [
    `luksmith-agent ${escapeControls(status.version)} on ${escapeControls(status.hostname)}${up}, ${formatBytes(status.memoryBytes)} of memory`,
    `configuration ${escapeControls(status.configPath)}`,
    ...fleetLines(status.fleet, now),
    "",
  ];
  const running =
    status.running.length === 0
      ? "nothing runs now\n"
      : table(
          runColumns,
          status.running.map((run) => runRow(run, now)),
          paint,
        );
  const jobs =
    status.jobs.length === 0
      ? "no job is configured\n"
      : table(
          ["JOB", "VOLUME", "LAST GOOD BACKUP", "LAST RUN", "NEXT START", "LAST DRILL"],
          status.jobs.map((job) => jobRow(job, now)),
          paint,
        );
  return `${lines.join("\n")}\n${running}\n${jobs}`;
}

/** A machine that is in no fleet has nothing to say of it. */
function fleetLines(fleet: FleetConnection | undefined, now: Date): string[] {
  if (fleet === undefined) return [];
  const { state, since, address, controller, error, nextAttempt, name, machineId, unreported } = fleet;
  if (state === FleetConnection_State.NOT_ENROLLED || state === FleetConnection_State.UNSPECIFIED) return [];
  const who = `fleet: ${escapeControls(name || machineId)}`;
  const age =
    since === undefined
      ? ""
      : ` since ${localTime(since)} (${formatDuration(Math.max(0, now.getTime() - since.getTime()))})`;
  const waiting = unreported === 0 ? "" : `; ${plural(unreported, "run")} to be reported`;
  if (state === FleetConnection_State.CONNECTED) {
    return [`${who}, connected to ${escapeControls(controller)} at ${escapeControls(address)}${age}${waiting}`];
  }
  const why = error === undefined ? `connecting to ${escapeControls(address)}` : escapeControls(error.message);
  const again = nextAttempt === undefined ? "" : `; next attempt ${localTime(nextAttempt)}`;
  const hint = error === undefined || error.hint === "" ? [] : [`  hint: ${escapeControls(error.hint)}`];
  return [`${who}, not connected${age}: ${why}${again}${waiting}`, ...hint];
}

function jobRow(status: JobStatus, now: Date): Cell[] {
  const { job, volume, last, lastGood, lastDrill } = status;
  const good: Cell = lastGood === undefined ? { text: "never", style: "yellow" } : ago(lastGood, now);
  const lastCell: Cell =
    last === undefined
      ? "-"
      : {
          text: `${stateText(last.state)}${last.id === lastGood?.id ? "" : ` ${ago(last, now)}`}`,
          style: stateStyle(last.state),
        };
  return [job, volume, good, lastCell, nextCell(status, now), drillCell(lastDrill, now)];
}

/** When it begins by itself, or why it has not. */
function nextCell({ nextStart, waitsFor }: JobStatus, now: Date): Cell {
  if (nextStart === undefined) return "no schedule";
  if (nextStart > now) return `${localTime(nextStart)} (in ${formatDuration(nextStart.getTime() - now.getTime())})`;
  const why = waitsFor === "volume" ? ": the volume is in use" : waitsFor === "permit" ? ": waits for its turn" : "";
  return { text: `due${why}`, style: "yellow" };
}

/** Did it work, when, and how long would everything take? */
function drillCell(drill: Run | undefined, now: Date): Cell {
  if (drill === undefined) return "never";
  const projected = drill.totals?.projectedMs ?? 0;
  const everything = projected === 0 ? "" : `; all in about ${formatDuration(projected)}`;
  return { text: `${stateText(drill.state)} ${ago(drill, now)}${everything}`, style: stateStyle(drill.state) };
}

function ago(run: Run, now: Date): string {
  const at = run.finishedAt ?? run.startedAt;
  if (at === undefined) return "-";
  return `${localTime(at)} (${formatDuration(Math.max(0, now.getTime() - at.getTime()))} ago)`;
}
