/** Each event as one object on standard output. */

import type { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { eventJson, jsonLine } from "../json.ts";
import type { Terminal } from "../terminal.ts";
import type { RunView } from "./run-view.ts";

export class JsonView implements RunView {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(runId: string, event: RunEvent): void {
    const object = eventJson(runId, event);
    if (object !== undefined) this.#terminal.outLine(jsonLine(object));
  }

  close(): void {}
}
