/** How the events of a run are shown while it goes on. */

import type { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import type { BaseSession } from "../base-session.ts";
import { JsonView } from "./json-view.ts";
import { LiveView } from "./live-view.ts";
import { PlainView } from "./plain-view.ts";

export interface RunView {
  show(runId: string, event: RunEvent): void;
  /** Takes what is not meant to stay off the screen. */
  close(): void;
}

export function makeRunView(session: BaseSession): RunView {
  if (session.json) return new JsonView(session.terminal);
  return session.terminal.live
    ? new LiveView(session.terminal, session.clock)
    : new PlainView(session.terminal, session.clock);
}
