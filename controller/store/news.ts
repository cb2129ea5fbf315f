/** Waiting for a notice, or for so long without one, since a notice can be lost. */

import type { Clock } from "../../common/clock.ts";
import { Bell } from "../bell.ts";
import type { Notices, Topic } from "./notices.ts";

export class News implements Disposable {
  readonly #bell: Bell;
  readonly #off: () => void;

  constructor(notices: Notices, topic: Topic, clock: Pick<Clock, "sleep">) {
    this.#bell = new Bell(clock);
    this.#off = notices.on(topic, () => this.#bell.ring());
  }

  /** A notice that came since the last wait ended is news as well. Ends early, and without an error, when the signal is aborted. */
  async next(ms: number, signal: AbortSignal, gatherMs?: number): Promise<void> {
    await this.#bell.wait(ms, signal, gatherMs);
  }

  [Symbol.dispose](): void {
    this.#off();
  }
}
