/** The fleet as it is now: drawn anew as it changes, or once where there is no terminal. */

import { setTimeout as sleep } from "node:timers/promises";
import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import type { WatchFleetResponse } from "../../proto/gen/luksmith/v1/controller.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { FullScreen } from "../fleet/full-screen.ts";
import { fleetViewJson } from "../fleet/json.ts";
import { topLines } from "../fleet/top-picture.ts";
import { jsonLine } from "../json.ts";

/** For the seconds of what runs. */
const redrawMs = 1000;
/** A controller that is started anew takes about as long. */
const againMs = 2000;
/** More than that are seen by nobody. */
const unlimited = { rows: 10_000, columns: 10_000 };

export async function showTop(session: FleetSession, selector: string): Promise<void> {
  const { terminal } = session;
  if (session.json) {
    for await (const view of session.fleet.watchFleet({ selector }, session.stop)) {
      terminal.outLine(jsonLine(fleetViewJson(view)));
    }
  } else if (terminal.canRedraw) await live(session, selector);
  else await once(session, selector);
}

async function once(session: FleetSession, selector: string): Promise<void> {
  const views = session.fleet.watchFleet({ selector }, session.stop);
  const first = await session.ask(views.next());
  await views.return();
  if (first.done) throw new LuksmithError("unreachable", "the controller told nothing");
  const lines = topLines(first.value, session.clock.now(), unlimited, "", session.paint);
  session.terminal.out(lines.map((line) => `${line}\n`).join(""));
}

async function live(session: FleetSession, selector: string): Promise<void> {
  const { terminal, clock } = session;
  const quit = new AbortController();
  const ended = AbortSignal.any([quit.signal, session.stop]);
  let views = session.fleet.watchFleet({ selector }, ended);
  // what is wrong with the credential or the selector is said on the screen as it was
  const first = await session.ask(views.next());
  if (first.done) throw new LuksmithError("unreachable", "the controller told nothing");
  let view = first.value;
  let note = "";

  const onKey = (keys: string) => {
    if (/[qQ]/.test(keys)) quit.abort();
    else if (keys.includes("\x03")) process.kill(process.pid, "SIGINT");
  };
  const draw = () => screen.draw(topLines(view, clock.now(), terminal.size, note, session.paint));
  using screen = new FullScreen(terminal, onKey, draw);
  const timer = setInterval(draw, redrawMs);
  try {
    draw();
    while (!ended.aborted) {
      note = await shown(views, (next) => {
        view = next;
        note = "";
        draw();
      });
      draw();
      session.fleet.reconnect();
      await sleep(againMs, undefined, { signal: ended });
      views = session.fleet.watchFleet({ selector }, ended);
    }
  } catch (error) {
    if (!ended.aborted) throw error;
  } finally {
    clearInterval(timer);
  }
  session.stop.throwIfAborted();
}

/** @returns why there is no more for now @throws what trying again would not help against */
async function shown(
  views: AsyncIterable<WatchFleetResponse>,
  show: (view: WatchFleetResponse) => void,
): Promise<string> {
  try {
    for await (const view of views) show(view);
    return "the controller has ended; trying again";
  } catch (error) {
    if (!(error instanceof LuksmithError && error.isPassing)) throw error;
    return `${escapeControls(error.message.split("\n")[0] ?? "")}; trying again`;
  }
}
