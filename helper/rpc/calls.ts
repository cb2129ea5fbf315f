/**
 * The calls that are under way in a session. Not more of them wait than a few; none is begun when the session is over, and its end
 * waits for those that are, which would leave half of what they do otherwise.
 */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";

/** As many as do not have to wait may be under way; see also grpc.max_concurrent_streams. */
const mostWaiting = 8;
/** To copy or write out an image takes its time. What is not done by then is left to the next helper to sweep. */
const endDeadlineMs = 60_000;

export class Calls {
  readonly #clock: Clock;
  readonly #waitMs: () => Promise<number>;
  readonly #running = new Set<Promise<unknown>>();
  readonly #over = new AbortController();
  #waiting = 0;

  /** @param waitMs counts a call, and says for how long it has to wait */
  constructor(clock: Clock, waitMs: () => Promise<number>) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  /**
   * @param gone aborted when the caller no longer waits
   * @param work gets a signal for what may be given up: the caller has gone, or the session is over
   * @throws {LuksmithError} "locked" when too many wait already, "cancelled" when it is given up before it has begun
   */
  async run<T>(gone: AbortSignal, work: (signal: AbortSignal) => Promise<T> | T): Promise<T> {
    const signal = AbortSignal.any([gone, this.#over.signal]);
    const running = this.#run(signal, work);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw signal.aborted && error === signal.reason ? cancelled() : error;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Waits for those that have begun. */
  async end(log: Log): Promise<void> {
    this.#over.abort();
    const all = Promise.allSettled(this.#running).then(() => true);
    const late = this.#clock.sleep(endDeadlineMs).then(() => false);
    if (!(await Promise.race([all, late]))) log.error({ calls: this.#running.size }, "calls do not come to an end");
  }

  async #run<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T> | T): Promise<T> {
    signal.throwIfAborted();
    const waitMs = await this.#waitMs();
    if (waitMs > 0) await this.#wait(waitMs, signal);
    signal.throwIfAborted();
    return await work(signal);
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#waiting >= mostWaiting) {
      throw new LuksmithError("locked", `${mostWaiting} calls of this session wait already`, {
        hint: "the backup host's administrator: machines.NAME.maxCallsPerMinute",
      });
    }
    this.#waiting += 1;
    try {
      await this.#clock.sleep(ms, signal);
    } finally {
      this.#waiting -= 1;
    }
  }
}

function cancelled(): LuksmithError {
  return new LuksmithError("cancelled", "the call was cancelled, or the session is over");
}
