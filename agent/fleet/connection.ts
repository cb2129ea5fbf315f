/**
 * The one stream to the controller: dialled, held, dialled again. Whatever comes of it, the agent's own work goes on; a controller that is
 * away, is a wrong one or sends nonsense costs nothing but the next attempt.
 */

import type { ClientDuplexStream } from "@grpc/grpc-js";
import { earned, waitMs } from "../../common/allowance.ts";
import { type Clock, pause } from "../../common/clock.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import type {
  ConnectRequest,
  ConnectResponse,
  Goodbye,
  HeartbeatEvery,
  Hello,
  Welcome,
} from "../../proto/gen/luksmith/v1/fleet.ts";
import { Change } from "../runs/change.ts";
import { inOrder, waitBefore } from "./backoff.ts";
import { connectionError, goodbyeError } from "./connection-error.ts";
import { type Dialled, dial } from "./dial.ts";
import type { IdentityFile, MachineIdentity } from "./identity-file.ts";
import type { Link, Said } from "./link.ts";
import { shownName } from "./orders.ts";
import { ownOrder } from "./own-order.ts";

/** A controller that has thousands to answer takes its time. */
const welcomeWithinMs = 60_000;
/** A connection that held so long was none that failed. */
const heldMs = 60_000;
/** For what somebody has to do something about; it is tried again all the same. */
const unusableForMs = 600_000;
/** More than a controller has to say to one machine; whoever says more waits. */
const saidRate = { perMinute: 1200, atOnce: 600 };
const longestHeartbeatMs = 3_600_000;
const shortestHeartbeatMs = 1000;
const usualHeartbeatMs = 15_000;
const longestSpreadMs = 600_000;

export type ConnectionState =
  | { readonly kind: "not_enrolled" }
  | { readonly kind: "connecting"; readonly address: string }
  | { readonly kind: "connected"; readonly address: string; readonly controller: string; readonly name: string }
  | { readonly kind: "waiting"; readonly address: string; readonly error: LuksmithError; readonly until: Date }
  | { readonly kind: "unusable"; readonly error: LuksmithError; readonly until: Date };

export type Heard = NonNullable<ConnectResponse["kind"]>;

/** What goes over the stream, from its first word to its last. */
export interface Conversation {
  hello(identity: MachineIdentity): Promise<Hello>;
  /** Runs as long as the stream; what it throws is told to the log. */
  begin(link: Link, welcome: Welcome): Promise<void>;
  hear(heard: Heard, link: Link, identity: MachineIdentity): Promise<void>;
}

interface Parts {
  readonly identities: Pick<IdentityFile, "read" | "renew" | "keepTrust">;
  /** In the place of those that the controller tells of; none: those. */
  readonly addresses: readonly string[];
  readonly conversation: Conversation;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1, this excluded. */
  readonly random: () => number;
}

export class Connection {
  readonly #parts: Parts;
  readonly #closed = new AbortController();
  readonly #again = new Change();
  #state: ConnectionState = { kind: "not_enrolled" };
  #since: Date;
  #holding: Promise<void> | undefined;
  #stream: AbortController | undefined;
  #lastAnswered: string | undefined;
  /** As a controller has asked for. */
  #heartbeatMs: number | undefined;
  /** The same; a later agent has not heard it, and tries at once. */
  #spreadMs = 0;
  #tries = 0;
  #isChanged = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#since = parts.clock.now();
  }

  get state(): ConnectionState & { readonly since: Date } {
    return { ...this.#state, since: this.#since };
  }

  get heartbeatMs(): number {
    return this.#heartbeatMs ?? usualHeartbeatMs;
  }

  /** Within how much time all machines of the controller are to do what each of them does by itself. */
  get spreadMs(): number {
    return Math.min(longestSpreadMs, this.#spreadMs);
  }

  begin(): void {
    this.#holding ??= this.#hold();
  }

  /** With what it shows now: it has another certificate, or is enrolled anew. */
  renew(): void {
    this.#tries = 0;
    this.#isChanged = true;
    this.#stream?.abort(new LuksmithError("cancelled", "the machine shows another certificate"));
    this.#again.ring();
  }

  async close(): Promise<void> {
    this.#closed.abort(new LuksmithError("cancelled", "the agent is stopping"));
    this.#stream?.abort(this.#closed.signal.reason);
    await this.#holding;
  }

  async #hold(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      let wait: number | undefined;
      try {
        wait = await this.#attempt();
      } catch (error) {
        this.#parts.log.error({ err: error }, "the connection to the controller meets a fault");
        wait = this.#waitUnusable(asLuksmithError(error));
      }
      await this.#rest(wait);
    }
  }

  /** Until the time has passed, something has changed or this ends. @param ms undefined: until something has changed */
  async #rest(ms: number | undefined): Promise<void> {
    if (this.#isChanged) return;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#closed.signal]);
    const changed = this.#again.wait(signal);
    const passed = ms === undefined ? changed : pause(this.#parts.clock, ms, signal);
    await Promise.race([changed, passed]);
    over.abort();
  }

  /** @returns how long to wait before the next */
  async #attempt(): Promise<number | undefined> {
    const { identities, clock, log, random } = this.#parts;
    this.#isChanged = false;
    let identity: MachineIdentity | undefined;
    try {
      identity = await identities.read();
    } catch (error) {
      return this.#waitUnusable(asLuksmithError(error));
    }
    if (identity === undefined) {
      this.#become({ kind: "not_enrolled" });
      return undefined;
    }
    const addresses = this.#addressesOf(identity);
    const address = addresses[this.#tries % addresses.length];
    if (address === undefined) {
      return this.#waitUnusable(
        new LuksmithError("config", "no address of a controller is known", {
          hint: "controller.addresses in the agent's configuration",
        }),
      );
    }
    const beganMs = clock.monotonicMs();
    this.#become({ kind: "connecting", address });
    const ended = await this.#converse(identity, address).then(
      (goodbye) => goodbye,
      (error: unknown) => connectionError(error, address),
    );
    if (this.#closed.signal.aborted) return undefined;
    const error = ended instanceof LuksmithError ? ended : goodbyeError(ended, address);
    // it was for us to end it; whatever the other end says is no reason to come back without a wait
    if (this.#isChanged) return 0;
    this.#tries = clock.monotonicMs() - beganMs >= heldMs ? 0 : this.#tries + 1;
    const retryAfterMs = ended instanceof LuksmithError ? 0 : ended.retryAfterMs;
    const failures = Math.floor(this.#tries / addresses.length);
    // of all goodbyes the one that is said to this machine alone
    const isConfirmed = !(ended instanceof LuksmithError) && ended.reason === "confirmed";
    const ms = waitBefore({ failures, retryAfterMs, spreadMs: isConfirmed ? 0 : this.#spreadMs }, random());
    log[this.#tries === 1 ? "warn" : "info"]({ err: error, address, waitMs: ms }, "not connected to the controller");
    if (error.code === "denied") return this.#waitUnusable(error);
    this.#become({ kind: "waiting", address, error, until: new Date(clock.now().getTime() + ms) });
    return ms;
  }

  #addressesOf({ machineId, addresses: told, namedAt }: MachineIdentity): readonly string[] {
    const configured = this.#parts.addresses;
    // what the machine's own configuration says is meant in that order
    if (configured.length > 0) return inOrder(configured, this.#lastAnswered);
    const own = inOrder(ownOrder(told, machineId), this.#lastAnswered);
    // a list that leads nowhere, by mistake or not, must not shut the machine out: after it comes whoever has told it
    return namedAt === "" || own.includes(namedAt) ? own : [...own, namedAt];
  }

  #waitUnusable(error: LuksmithError): number {
    const { clock, random } = this.#parts;
    const ms = Math.round(unusableForMs * (1 + random()));
    this.#become({ kind: "unusable", error, until: new Date(clock.now().getTime() + ms) });
    return ms;
  }

  /** @returns how it ended when the controller has said so */
  async #converse(identity: MachineIdentity, address: string): Promise<Goodbye> {
    const { conversation, clock } = this.#parts;
    const stopped = new AbortController();
    this.#stream = stopped;
    const dialled = dial(address, identity);
    const stop = () => dialled.cancel();
    stopped.signal.addEventListener("abort", stop, { once: true });
    const gone = new AbortController();
    try {
      this.#closed.signal.throwIfAborted();
      const hello = await conversation.hello(identity);
      stopped.signal.throwIfAborted();
      const { stream } = dialled;
      stream.write({ kind: { $case: "hello", value: hello } });
      const late = () => stopped.abort(new LuksmithError("unreachable", `${address} says nothing`));
      clock.sleep(welcomeWithinMs, gone.signal).then(
        () => this.#state.kind === "connecting" && late(),
        () => undefined,
      );
      return await this.#listen(dialled, identity, address, gone.signal);
    } catch (error) {
      throw stopped.signal.aborted ? stopped.signal.reason : error;
    } finally {
      gone.abort(new LuksmithError("lost", "the connection to the controller has ended"));
      this.#stream = undefined;
      dialled.close();
    }
  }

  async #listen({ stream }: Dialled, identity: MachineIdentity, address: string, gone: AbortSignal): Promise<Goodbye> {
    const { conversation, log } = this.#parts;
    let link: Link | undefined;
    for await (const { kind } of this.#paced(stream, gone)) {
      // what a newer controller says and this agent does not know
      if (kind === undefined) continue;
      if (kind.$case === "goodbye") return kind.value;
      if (link === undefined) {
        if (kind.$case !== "welcome") throw new LuksmithError("refused", `${address} does not welcome this machine`);
        link = this.#welcome(kind.value, stream, address, gone);
        conversation.begin(link, kind.value).catch((error: unknown) => {
          if (!gone.aborted) log.error({ err: error }, "what the controller is to be told meets a fault");
        });
        continue;
      }
      if (kind.$case === "welcome") throw new LuksmithError("refused", `${address} welcomes this machine twice`);
      if (kind.$case === "heartbeatEvery") {
        this.#keepPace(kind.value);
        continue;
      }
      try {
        await conversation.hear(kind, link, identity);
      } catch (error) {
        if (gone.aborted) throw error;
        log.error({ err: error, what: kind.$case }, "what the controller said came to nothing");
      }
    }
    throw new LuksmithError("lost", `${address} has ended the connection`);
  }

  /** One message after another: HTTP/2 holds back what is not read. */
  async *#paced(
    stream: AsyncIterable<ConnectResponse>,
    gone: AbortSignal,
  ): AsyncGenerator<ConnectResponse, void, void> {
    const { clock } = this.#parts;
    let allowance = { left: saidRate.atOnce, sinceMs: clock.monotonicMs() };
    for await (const message of stream) {
      const now = earned(allowance, saidRate, clock.monotonicMs());
      allowance = { ...now, left: now.left - 1 };
      const ms = waitMs(allowance, saidRate);
      if (ms > 0) await clock.sleep(ms, gone);
      yield message;
    }
  }

  #welcome(welcome: Welcome, stream: Dialled["stream"], address: string, gone: AbortSignal): Link {
    const controller = shownName(welcome.controller || address);
    this.#keepPace(welcome.heartbeatEvery ?? { intervalMs: 0, spreadMs: 0 });
    this.#lastAnswered = address;
    this.#become({ kind: "connected", address, controller, name: shownName(welcome.name) });
    this.#parts.log.info({ address, controller }, "connected to the controller");
    return { controller, gone, send: (said) => send(stream, said, gone) };
  }

  #keepPace({ intervalMs, spreadMs }: HeartbeatEvery): void {
    this.#heartbeatMs = heartbeatOf(intervalMs);
    this.#spreadMs = Number.isFinite(spreadMs) ? Math.max(0, spreadMs) : 0;
  }

  #become(state: ConnectionState): void {
    // trying and waiting take turns
    if (isAway(state) !== isAway(this.#state) || (!isAway(state) && state.kind !== this.#state.kind)) {
      this.#since = this.#parts.clock.now();
    }
    this.#state = state;
  }
}

function isAway({ kind }: ConnectionState): boolean {
  return kind === "connecting" || kind === "waiting";
}

function heartbeatOf(intervalMs: number): number {
  if (!Number.isFinite(intervalMs) || intervalMs <= 0) return usualHeartbeatMs;
  return Math.min(longestHeartbeatMs, Math.max(shortestHeartbeatMs, intervalMs));
}

async function send(
  stream: ClientDuplexStream<ConnectRequest, ConnectResponse>,
  said: Said,
  gone: AbortSignal,
): Promise<void> {
  gone.throwIfAborted();
  if (stream.write({ kind: said })) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (done: () => void) => {
      stream.off("drain", onDrain);
      gone.removeEventListener("abort", onGone);
      done();
    };
    const onDrain = () => settle(resolve);
    const onGone = () => settle(() => reject(gone.reason));
    stream.once("drain", onDrain);
    gone.addEventListener("abort", onGone, { once: true });
  });
}
