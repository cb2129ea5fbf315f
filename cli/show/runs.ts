/** The answers of ListRuns and CancelRun. */

import { escapeControls } from "../../common/quote.ts";
import type { ListRunsRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import { type Run, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { begun } from "../follow-run.ts";
import { runJson } from "../json.ts";
import { runColumns, runRow, runTitle, stateText } from "../run-text.ts";
import type { Session } from "../session.ts";
import { type Paint, table } from "../table.ts";

export async function showRuns(session: Session, request: ListRunsRequest): Promise<void> {
  const { runs } = await session.waitFor("asking the agent", session.agent.listRuns(request));
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => runs.map(runJson),
    () => runsText(runs, session.clock.now(), paint),
  );
}

export function runsText(runs: readonly Run[], now: Date, paint: Paint): string {
  if (runs.length === 0) return "no run is remembered\n";
  return table(
    runColumns,
    runs.map((run) => runRow(run, now)),
    paint,
  );
}

export async function cancelRun(session: Session, asked: string): Promise<void> {
  // an id may be typed in part, and only GetRun knows which run that is
  const { run } = await session.waitFor("asking the agent", session.agent.getRun({ id: asked }));
  const { id } = begun(run);
  const answer = await session.waitFor("asking the agent", session.agent.cancelRun({ id }));
  const cancelled = begun(answer.run);
  session.result(
    () => [runJson(cancelled)],
    () => cancelText(cancelled),
  );
}

export function cancelText(run: Run): string {
  const id = escapeControls(run.id);
  if (run.state === RunState.RUNNING) {
    return `cancelling run ${id}: ${runTitle(run)}\n  luksmith log ${id} --follow   shows it take back what it holds\n`;
  }
  const end = run.state === RunState.CANCELLED ? "is cancelled" : `had ended already: ${stateText(run.state)}`;
  return `run ${id} (${runTitle(run)}) ${end}\n`;
}
