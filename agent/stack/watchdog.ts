/**
 * Looks at an attached stack for as long as it is attached: is the mount there, and does what is asked of the host come
 * back? It reads what the kernel shows in /proc and /sys alone, so nothing that hangs can make it hang.
 */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { stalled } from "../remote/ssh-failure.ts";
import { type IoState, StallMeter } from "./stall-meter.ts";

/** So many looks until a stall is one. */
const looksPerTimeout = 20;
const shortestPauseMs = 100;
const longestPauseMs = 3000;

export interface Watched {
  /** In the words of an error message. */
  readonly remote: string;
  readonly stallTimeoutMs: number;
  /** "gone" when the mount is no longer there. */
  readonly look: () => Promise<IoState | "gone">;
  /** Called once, with what is wrong. It has to break what hangs. */
  readonly onBroken: (reason: LuksmithError) => Promise<void>;
}

export class Watchdog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watched: Watched;
  readonly #stop = new AbortController();
  readonly #meter = new StallMeter();
  #waitingMs = 0;

  constructor(clock: Clock, log: Log, watched: Watched) {
    this.#clock = clock;
    this.#log = log;
    this.#watched = watched;
    void this.#watch();
  }

  /** For how long the host has owed an answer. What can wait should not ask it anything meanwhile. */
  get waitingMs(): number {
    return this.#waitingMs;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #watch(): Promise<void> {
    const { stallTimeoutMs, onBroken } = this.#watched;
    const pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, stallTimeoutMs / looksPerTimeout));
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(pauseMs, signal);
        const reason = await this.#judge();
        if (signal.aborted || reason === undefined) continue;
        this.#log.warn({ err: reason }, "the stack is broken: taking it down from the transport upwards");
        this.stop();
        await onBroken(reason);
      } catch (error) {
        if (!signal.aborted) this.#log.error({ err: error }, "the watchdog could not look");
      }
    }
  }

  async #judge(): Promise<LuksmithError | undefined> {
    const { remote, stallTimeoutMs, look } = this.#watched;
    const state = await look();
    if (state === "gone") return new LuksmithError("lost", `the mount of ${remote} has been taken away`);
    this.#waitingMs = this.#meter.observe(state, this.#clock.monotonicMs());
    if (this.#waitingMs < stallTimeoutMs) return undefined;
    return stalled({ name: remote, stallTimeoutMs });
  }
}
