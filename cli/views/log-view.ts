/** The log of a run: every event on standard output with its time; progress thinned out, or live on a terminal. */

import type { Clock } from "../../common/clock.ts";
import type { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { localTime } from "../local-time.ts";
import { ProgressThinner } from "../progress.ts";
import { eventText } from "../run-text.ts";
import type { Terminal } from "../terminal.ts";
import type { RunView } from "./run-view.ts";

export class LogView implements RunView {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #live: RunView | undefined;
  readonly #thinner = new ProgressThinner();

  /** @param live shows the progress of a run that is followed; told of nothing but steps and progress */
  constructor(terminal: Terminal, clock: Clock, live: RunView | undefined) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#live = live;
  }

  show(runId: string, event: RunEvent): void {
    const text = this.#thinner.admits(event) ? eventText(event, this.#clock.now()) : undefined;
    if (text !== undefined) {
      this.#terminal.outLine(`${this.#terminal.paintOut("dim", localTime(event.time))}  ${text}`);
    }
    const kind = event.kind?.$case;
    if (kind === "stepBegan" || kind === "stepEnded" || kind === "progress" || kind === "ended") {
      this.#live?.show(runId, event);
    }
  }

  close(): void {
    this.#live?.close();
  }
}
