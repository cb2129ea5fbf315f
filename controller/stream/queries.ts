/** What operators have asked of one machine and wait for: its replies, as fast as they are read. */

import { rejectsWhenAborted } from "../../common/aborted.ts";
import type { Clock } from "../../common/clock.ts";
import { fromErrorDetail } from "../../common/error-wire.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { ConnectResponse, Query, Reply } from "../../proto/gen/luksmith/v1/fleet.ts";

/** Of one machine, whoever asks. */
const mostAtOnce = 16;
/** Replies that wait for who asked; then the machine's stream waits with them. */
const mostWaiting = 8;
/** Whoever takes nothing for so long has gone, or holds up what the machine has to report. */
const stuckMs = 10_000;

interface OpenQuery {
  readonly waiting: Reply[];
  readonly ended: AbortController;
  /** Something has come, or been taken. */
  changed: PromiseWithResolvers<void>;
}

export type SendToAgent = (kind: NonNullable<ConnectResponse["kind"]>) => void;

export class Queries {
  readonly #send: SendToAgent;
  readonly #clock: Clock;
  readonly #open = new Map<string, OpenQuery>();
  #asked = 0;

  constructor(send: SendToAgent, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /**
   * @param query its id is given here
   * @throws {LuksmithError} what the machine says; "locked" for too many, "lost" when it goes, "stalled" when its replies are not taken
   */
  async *ask(query: Query, signal: AbortSignal): AsyncGenerator<Reply, void, undefined> {
    if (this.#open.size >= mostAtOnce) {
      throw new LuksmithError("locked", `${mostAtOnce} operators ask this machine already`, {
        hint: "try again later",
      });
    }
    signal.throwIfAborted();
    this.#asked += 1;
    const id = `q${this.#asked}`;
    const open: OpenQuery = { waiting: [], ended: new AbortController(), changed: Promise.withResolvers() };
    this.#open.set(id, open);
    const over = rejectsWhenAborted(AbortSignal.any([signal, open.ended.signal]));
    let isAnswered = false;
    try {
      this.#send({ $case: "query", value: { ...query, id } });
      for (;;) {
        const reply = open.waiting.shift();
        if (reply === undefined) {
          await Promise.race([open.changed.promise, over]);
          open.changed = Promise.withResolvers();
          continue;
        }
        open.changed.resolve();
        isAnswered = reply.last;
        if (reply.error !== undefined) throw fromErrorDetail(reply.error);
        yield reply;
        if (reply.last) return;
      }
    } finally {
      this.#open.delete(id);
      open.ended.abort();
      if (!isAnswered) this.#send({ $case: "endQuery", value: { id } });
    }
  }

  /** Resolves when there is room for another one. What nobody has asked, or waits for no longer, is dropped. */
  async deliver(reply: Reply): Promise<void> {
    const open = this.#open.get(reply.id);
    if (open === undefined) return;
    open.waiting.push(reply);
    open.changed.resolve();
    const endMs = this.#clock.monotonicMs() + stuckMs;
    while (open.waiting.length >= mostWaiting && !open.ended.signal.aborted) {
      const leftMs = endMs - this.#clock.monotonicMs();
      if (leftMs <= 0) {
        open.ended.abort(new LuksmithError("stalled", "the machine's replies were not taken"));
        return;
      }
      open.changed = Promise.withResolvers();
      const waited = new AbortController();
      const enough = this.#clock.sleep(leftMs, AbortSignal.any([waited.signal, open.ended.signal]));
      enough.catch(() => undefined);
      await Promise.race([open.changed.promise, enough.catch(() => undefined)]);
      waited.abort();
    }
  }

  /** The machine has gone. */
  close(): void {
    for (const { ended } of this.#open.values()) ended.abort(new LuksmithError("lost", "the machine has disconnected"));
  }
}
