/** The life of a long verb as its caller sees it: start, follow, sum up. Going away stops nothing. */

import { LuksmithError } from "../common/errors.ts";
import { escapeControls } from "../common/quote.ts";
import type { Run } from "../proto/gen/luksmith/v1/types.ts";
import { detachedJson } from "./json.ts";
import { outcomeError } from "./outcome.ts";
import { endText, runTitle, stateStyle, stateText } from "./run-text.ts";
import type { Session } from "./session.ts";
import { makeRunView, type RunView } from "./views/run-view.ts";

export interface StartOptions {
  /** Return as soon as the run has begun. */
  readonly detach: boolean;
}

/**
 * Starts a run, follows it to its end and says what came of it.
 * @throws {LuksmithError} what the run ended with, unless it was done or skipped
 */
export async function startAndFollow(
  session: Session,
  start: () => Promise<{ run: Run | undefined }>,
  options: StartOptions,
): Promise<void> {
  const { run } = await started(session, start());
  if (options.detach) sayDetached(session, begun(run), "asked");
  else sayEnd(session, await followRun(session, begun(run)));
}

/** The answer to a request that starts a run. */
export async function started<Answer>(session: Session, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await session.waitFor("waiting for the agent", answer);
  } catch (error) {
    if (session.stop.aborted) session.notice("the agent may have begun it all the same: luksmith runs");
    throw error;
  }
}

/** The run of an answer. */
export function begun(run: Run | undefined): Run {
  if (run === undefined) throw new LuksmithError("internal", "the agent did not say which run it began");
  return run;
}

/**
 * Shows the events of a run until it ends.
 * @returns the run as it ended
 * @throws {Stopped} after Ctrl-C, having said that the run goes on
 */
export async function followRun(session: Session, run: Run): Promise<Run> {
  const ended = await showEvents(session, run, { follow: true, view: makeRunView(session) });
  if (ended !== undefined) return ended;
  throw new LuksmithError("unreachable", `the agent stopped telling about ${runTitle(run)}`, {
    hint: `luksmith log ${run.id} --follow`,
  });
}

/** @returns the run as it ended, or undefined when the events end before the run does */
export async function showEvents(
  session: Session,
  run: Run,
  how: { follow: boolean; view: RunView },
): Promise<Run | undefined> {
  try {
    for await (const { event } of session.agent.watchRun({ id: run.id, follow: how.follow }, session.stop)) {
      if (event === undefined) continue;
      how.view.show(run.id, event);
      if (event.kind?.$case === "ended") return event.kind.value.run ?? run;
    }
    return undefined;
  } catch (error) {
    how.view.close();
    if (session.stop.aborted) {
      sayDetached(session, run, "interrupted");
      throw error;
    }
    throw lostSight(run, error);
  } finally {
    how.view.close();
  }
}

/** The agent went away in the middle: the run may be over, or the connection only. */
function lostSight(run: Run, error: unknown): unknown {
  if (!(error instanceof LuksmithError) || error.code !== "unreachable") return error;
  return new LuksmithError("unreachable", `lost the agent during ${runTitle(run)}: ${error.message}`, {
    hint: `when it is back: luksmith log ${run.id} --follow`,
    cause: error,
  });
}

/** The last word about a run. @throws {LuksmithError} see {@link startAndFollow} */
export function sayEnd(session: Session, run: Run): void {
  const error = outcomeError(run);
  const { terminal } = session;
  if (!session.json) {
    const text = endText(run, session.clock.now());
    const state = stateText(run.state);
    // a failure leaves no result: standard output stays empty then
    if (error === undefined || error.code === "incomplete") {
      terminal.outLine(terminal.paintOut(stateStyle(run.state), state) + text.slice(state.length));
    } else terminal.errLine(text);
  }
  if (error !== undefined) throw error;
}

export function sayDetached(session: Session, run: Run, reason: "asked" | "interrupted"): void {
  const id = escapeControls(run.id);
  const head = reason === "asked" ? `run ${id}: ${runTitle(run)} has begun` : `stopped watching; run ${id} goes on`;
  const follow = `  luksmith log ${id} --follow   watches it`;
  const cancel = `${`  luksmith cancel ${id}`.padEnd(follow.indexOf("   watches"))}   ends it`;
  if (session.json)
    session.result(
      () => [detachedJson(run, reason)],
      () => "",
    );
  else if (reason === "asked") {
    session.terminal.outLine(head);
    session.notice(`${follow}\n${cancel}`);
  } else session.notice(`${head}\n${follow}\n${cancel}`);
}
