/** Waiting for a notice, or for so long without one, since a notice can be lost. */

import type { Clock } from "../../common/clock.ts";
import type { Notices, Topic } from "./notices.ts";

export class News implements Disposable {
  readonly #clock: Clock;
  readonly #off: () => void;
  #waiting = new AbortController();

  constructor(notices: Notices, topic: Topic, clock: Clock) {
    this.#clock = clock;
    this.#off = notices.on(topic, () => this.#waiting.abort());
  }

  /** A notice that came since the last wait ended is news as well. Ends early, and without an error, when the signal is aborted. */
  async next(ms: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(ms, AbortSignal.any([signal, this.#waiting.signal])).catch(() => undefined);
    if (this.#waiting.signal.aborted) this.#waiting = new AbortController();
  }

  [Symbol.dispose](): void {
    this.#off();
  }
}
