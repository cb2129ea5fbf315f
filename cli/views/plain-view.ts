/** Where there is no terminal: a line when a step begins and ends, and now and then one between. */

import type { Clock } from "../../common/clock.ts";
import type { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { ProgressThinner } from "../progress.ts";
import { eventText } from "../run-text.ts";
import type { Terminal } from "../terminal.ts";
import { showMessage } from "./message-lines.ts";
import type { RunView } from "./run-view.ts";

export class PlainView implements RunView {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #thinner = new ProgressThinner();

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
  }

  show(_runId: string, event: RunEvent): void {
    if (!this.#thinner.admits(event)) return;
    switch (event.kind?.$case) {
      case "stepBegan":
      case "stepEnded":
      case "progress": {
        const text = eventText(event, this.#clock.now());
        if (text !== undefined) this.#terminal.errLine(text);
        break;
      }
      default:
        showMessage(this.#terminal, event);
    }
  }

  close(): void {}
}
