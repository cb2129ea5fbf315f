/** The events of one run, from its beginning. */

import { escapeControls } from "../../common/quote.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { begun, showEvents } from "../follow-run.ts";
import { outcomeError } from "../outcome.ts";
import type { Session } from "../session.ts";
import { LiveView } from "../views/live-view.ts";
import { LogView } from "../views/log-view.ts";
import { makeRunView } from "../views/run-view.ts";

/** @throws {LuksmithError} with `follow`, what the run ended with */
export async function showLog(session: Session, asked: string, follow: boolean): Promise<void> {
  const { terminal, clock } = session;
  const answer = await session.waitFor("asking the agent", session.agent.getRun({ id: asked }));
  const run = begun(answer.run);
  const live = follow && terminal.live ? new LiveView(terminal, clock) : undefined;
  const view = session.json ? makeRunView(session) : new LogView(terminal, clock, live);
  const ended = await showEvents(session, run, { follow, view });
  if (!follow) {
    if (run.state === RunState.RUNNING && ended === undefined) {
      session.notice(`run ${escapeControls(run.id)} goes on: luksmith log ${escapeControls(run.id)} --follow`);
    }
    return;
  }
  const error = outcomeError(ended ?? run);
  if (error !== undefined) throw error;
}
