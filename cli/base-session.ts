/** What every command works with, whomever it talks to: the signal that stops it, and where results go. */

import type { Clock } from "../common/clock.ts";
import { type JsonObject, jsonLine } from "./json.ts";
import type { Signals } from "./signals.ts";
import type { Terminal } from "./terminal.ts";

/** From here on a person wonders whether anything happens. */
const patienceSeconds = 2;

export class BaseSession {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly json: boolean;
  readonly #signals: Signals;

  constructor(terminal: Terminal, clock: Clock, signals: Signals, json: boolean) {
    this.terminal = terminal;
    this.clock = clock;
    this.json = json;
    this.#signals = signals;
  }

  /** Aborted by Ctrl-C; its reason ends the program. */
  get stop(): AbortSignal {
    return this.#signals.stop;
  }

  /** Ctrl-C ends the program by itself from now on. */
  protected letGo(): void {
    this.terminal.clear();
    this.#signals.ignore();
  }

  /** Prints a result: the objects with --json, the text (with its line breaks) without. */
  result(objects: () => readonly JsonObject[], text: () => string): void {
    if (this.json) for (const object of objects()) this.terminal.outLine(jsonLine(object));
    else this.terminal.out(text());
  }

  /** A word to the person that is no result; machines do without. */
  notice(text: string): void {
    if (!this.json) this.terminal.errLine(text);
  }

  /**
   * Waits for an answer, saying so when it takes long; Ctrl-C ends the waiting.
   * @param what is waited for, such as "asking the backup host"
   */
  async waitFor<Answer>(what: string, answer: Promise<Answer>): Promise<Answer> {
    // after Ctrl-C nobody waits for it any more, and its failure is nobody's concern
    answer.catch(() => undefined);
    let seconds = 0;
    const timer = setInterval(() => {
      seconds += 1;
      if (this.json || seconds < patienceSeconds) return;
      if (this.terminal.live) this.terminal.showLive(`${what}  ${seconds} s`);
      else if (seconds === patienceSeconds) this.terminal.errLine(`${what} ...`);
    }, 1000);
    const stopped = Promise.withResolvers<never>();
    const onStop = () => stopped.reject(this.stop.reason);
    this.stop.addEventListener("abort", onStop, { once: true });
    try {
      this.stop.throwIfAborted();
      return await Promise.race([answer, stopped.promise]);
    } finally {
      this.stop.removeEventListener("abort", onStop);
      clearInterval(timer);
      this.terminal.clear();
    }
  }
}
