/** An agent's stream as it is on the wire: messages read one after another, messages sent, and its end. */

import type { Clock } from "../../common/clock.ts";
import type { ConnectResponse, Goodbye } from "../../proto/gen/luksmith/v1/fleet.ts";

export type ToAgent = NonNullable<ConnectResponse["kind"]>;

/** The messages' own bytes: what an agent sends is decoded when its turn has come, and not before. */
export interface AgentCall {
  iterator(options: { destroyOnReturn: boolean }): AsyncIterator<Uint8Array, unknown>;
  write(response: ConnectResponse): boolean;
  end(): void;
  destroy(): void;
  once(event: "finish" | "drain", listener: () => void): void;
  off(event: "drain", listener: () => void): void;
  readonly writableLength: number;
  /** The agent has gone, which whoever takes its last message does not see. */
  readonly cancelled: boolean;
}

/** An agent that lives ends the stream when it is told so; one that does not is left behind after that. */
const farewellMs = 2000;
/** Messages that it has not read: what it misses comes again with its next connection. */
const mostUnread = 500;
/** With so many nothing more is heard of it until it has read them: what it says is answered. */
const fewUnread = 64;

/** open -> ending (Goodbye was said) -> over; or open -> over. */
type State = "open" | "ending" | "over";

export class AgentWire {
  readonly #call: AgentCall;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  readonly #peerClosed = Promise.withResolvers<void>();
  #state: State = "open";
  /** Since when the next message is waited for; undefined: the last one is being taken. */
  #waitingSinceMs: number | undefined;

  constructor(call: AgentCall, clock: Clock) {
    this.#call = call;
    this.#clock = clock;
  }

  /** Aborted when nothing comes or goes any more. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Also while a message is being taken. */
  get isGone(): boolean {
    return this.#state === "over" || this.#call.cancelled;
  }

  /** Monotonic; a message that is being taken is no silence. */
  get waitingSinceMs(): number | undefined {
    return this.#waitingSinceMs;
  }

  /** Until the stream has ended, on whichever side. @param take never rejects */
  async read(take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const messages = this.#call.iterator({ destroyOnReturn: false });
    while (this.#state !== "over") {
      this.#waitingSinceMs = this.#clock.monotonicMs();
      // a connection that breaks is an end like others
      const next = await messages.next().catch(() => ({ done: true }) as const);
      this.#waitingSinceMs = undefined;
      if (next.done === true) break;
      if (this.#state !== "open") continue;
      await take(next.value);
      await this.drained();
    }
    this.#peerClosed.resolve();
    if (this.#state === "open") this.close();
  }

  send(kind: ToAgent): void {
    if (this.#state !== "open") return;
    this.#call.write({ kind });
    if (this.#call.writableLength > mostUnread) {
      void this.sayGoodbye({ reason: "limit", message: "the agent does not read what it is sent", retryAfterMs: 0 });
    }
  }

  /** What comes afterwards is not heard. @returns whether there was still somebody at the other end */
  async sayGoodbye(goodbye: Goodbye): Promise<boolean> {
    if (this.#state !== "open") return false;
    this.#call.write({ kind: { $case: "goodbye", value: goodbye } });
    this.#state = "ending";
    const isThere = await this.#within(this.#peerClosed.promise);
    this.close();
    return isThere;
  }

  close(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#over.abort();
    const finished = Promise.withResolvers<void>();
    this.#call.once("finish", () => finished.resolve());
    this.#call.end();
    // of an agent that is not there the last messages never leave
    void this.#within(finished.promise).then(() => this.#call.destroy());
  }

  /** Resolves when the agent has read what it was sent, but for a little; or when there is nobody to read it. */
  async drained(): Promise<void> {
    if (this.#state !== "open" || this.#call.writableLength <= fewUnread) return;
    const drained = Promise.withResolvers<void>();
    const done = () => drained.resolve();
    this.#call.once("drain", done);
    this.#over.signal.addEventListener("abort", done, { once: true });
    await drained.promise;
    this.#call.off("drain", done);
    this.#over.signal.removeEventListener("abort", done);
  }

  async #within(promise: Promise<void>): Promise<boolean> {
    const settled = new AbortController();
    const enough = this.#clock.sleep(farewellMs, settled.signal).then(
      () => false,
      () => false,
    );
    try {
      return await Promise.race([promise.then(() => true), enough]);
    } finally {
      settled.abort();
    }
  }
}
