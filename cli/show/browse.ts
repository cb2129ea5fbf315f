/** The life of a browse as its caller sees it: it is opened, its place is said, and it ends with the caller's patience. */

import { escapeControls } from "../../common/quote.ts";
import type { BrowseRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import { begun, followRun, sayEnd, started } from "../follow-run.ts";
import { browseJson } from "../json.ts";
import type { Session } from "../session.ts";
import { makeRunView } from "../views/run-view.ts";

/** The step during which it is open. */
const openStep = "browse";

/** @throws {LuksmithError} what the run ended with; {@link Stopped} after Ctrl-C, when it has ended */
export async function openBrowse(session: Session, request: BrowseRequest, detach: boolean): Promise<void> {
  const { agent } = session;
  const { run: answered, path } = await started(session, agent.browse(request));
  const run = begun(answered);
  const view = makeRunView(session);
  const { job } = request;
  // Ctrl-C ends it; what comes of that is watched as well
  const end = () => {
    agent.endBrowse({ job }).catch((error: unknown) => watching.abort(error));
  };
  const watching = new AbortController();
  session.stop.addEventListener("abort", end, { once: true });
  if (session.stop.aborted) end();
  try {
    for await (const { event } of agent.watchRun({ id: run.id, follow: true }, watching.signal)) {
      if (event === undefined) continue;
      view.show(run.id, event);
      const { kind } = event;
      if (kind?.$case === "ended") {
        view.close();
        if (!session.stop.aborted) sayEnd(session, kind.value.run ?? run);
        session.stop.throwIfAborted();
        return;
      }
      if (kind?.$case !== "stepBegan" || kind.value.step !== openStep || session.stop.aborted) continue;
      view.close();
      session.result(
        () => [browseJson({ runId: run.id, job, path })],
        () => `${escapeControls(path)}\n`,
      );
      const ending = `luksmith browse --end ${escapeControls(job)}`;
      session.notice(detach ? `open until it is not used any more, or: ${ending}` : `open until Ctrl-C, or: ${ending}`);
      if (detach) return;
    }
  } finally {
    session.stop.removeEventListener("abort", end);
    view.close();
  }
}

/** @throws {LuksmithError} "not_found" when there is none; what the run ended with */
export async function endBrowse(session: Session, job: string): Promise<void> {
  const { run } = await started(session, session.agent.endBrowse({ job }));
  sayEnd(session, await followRun(session, begun(run)));
}
