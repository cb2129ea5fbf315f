/** On a terminal: one line that is redrawn in place, and goes when the run ends. */

import type { Clock } from "../../common/clock.ts";
import type { Retry, RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { liveText, type OpenSteps, stepsAfter } from "../progress.ts";
import { retryText } from "../run-text.ts";
import type { Terminal } from "../terminal.ts";
import { showMessage } from "./message-lines.ts";
import type { RunView } from "./run-view.ts";

/** Faster than that nobody reads, and each redraw goes through SSH. */
const redrawMs = 100;
/** For the seconds of a step that has no progress to tell, and for what came too soon after the last redraw. */
const tickMs = 250;

export class LiveView implements RunView {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #steps: OpenSteps = [];
  /** Between two attempts. */
  #retry: Retry | undefined;
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#timer = setInterval(() => this.#draw(), tickMs);
  }

  show(_runId: string, event: RunEvent): void {
    this.#steps = stepsAfter(this.#steps, event);
    if (event.kind?.$case === "attemptFailed") this.#retry = event.kind.value.retry;
    else if (event.kind?.$case === "stepBegan" || event.kind?.$case === "ended") this.#retry = undefined;
    showMessage(this.#terminal, event);
    const isStep = event.kind?.$case === "stepBegan" || event.kind?.$case === "stepEnded";
    if (isStep || this.#clock.monotonicMs() - this.#drawnMs >= redrawMs) this.#draw();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#terminal.clear();
  }

  #draw(): void {
    this.#drawnMs = this.#clock.monotonicMs();
    const now = this.#clock.now();
    this.#terminal.showLive(this.#retry === undefined ? liveText(this.#steps, now) : retryText(this.#retry, now));
  }
}
