/** Plays an agent: one stream, what was received over it, and whatever a test wants said. */

import { type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { systemClock } from "../../../../common/clock.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  FleetServiceClient,
  type Hello,
} from "../../../../proto/gen/luksmith/v1/fleet.ts";
import type { Cable } from "../../cable.ts";
import { openWayIn } from "./way-in.ts";

export type FromAgent = NonNullable<ConnectRequest["kind"]>;
export type ToAgent = NonNullable<ConnectResponse["kind"]>;
type Case = ToAgent["$case"];
export type Told<C extends Case> = Extract<ToAgent, { $case: C }>["value"];

/** The machine is shared with other tests. */
const patienceMs = 30_000;

export class TestAgent {
  readonly received: ToAgent[] = [];
  readonly way: Cable;
  readonly instance: string;
  ended: StatusObject | undefined;
  /** Goodbye is answered by ending the stream, as an agent does. */
  isPolite = true;
  onTold: (told: ToAgent) => void = () => undefined;
  readonly #client: FleetServiceClient;
  #stream: ClientDuplexStream<ConnectRequest, ConnectResponse> | undefined;

  private constructor(way: Cable, instance: string) {
    this.way = way;
    this.instance = instance;
    this.#client = new FleetServiceClient(`127.0.0.1:${way.port}`, credentials.createInsecure(), {
      "grpc.enable_retries": 0,
      "grpc.initial_reconnect_backoff_ms": 20,
      "grpc.max_reconnect_backoff_ms": 100,
      "grpc.min_reconnect_backoff_ms": 20,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  static async of(machineId: string, to: () => number, instance = "i1"): Promise<TestAgent> {
    return new TestAgent(await openWayIn(`machine=${machineId}`, to), instance);
  }

  /** Another stream; what was received before stays. */
  connect(): void {
    this.ended = undefined;
    const stream = this.#client.connect();
    this.#stream = stream;
    stream.on("error", () => undefined);
    stream.on("status", (status: StatusObject) => {
      if (this.#stream === stream) this.ended = status;
    });
    stream.on("data", ({ kind }: ConnectResponse) => {
      if (kind === undefined) return;
      this.received.push(kind);
      if (kind.$case === "goodbye" && this.isPolite) stream.end();
      this.onTold(kind);
    });
  }

  say(said: FromAgent): boolean {
    return this.#stream?.write({ kind: said }) ?? false;
  }

  hello(change: Partial<Hello> = {}): void {
    this.say({
      $case: "hello",
      value: {
        ...{ version: "1", hostname: "host", instance: this.instance, time: new Date(), schedulesRevision: "" },
        ...{ inventory: { jobs: [], volumes: [], allowed: [], refused: [] }, trust: undefined },
        ...change,
      },
    });
  }

  /** Connects, and is welcomed. */
  async join(change: Partial<Hello> = {}): Promise<Told<"welcome">> {
    const before = this.told("welcome").length;
    this.connect();
    this.hello(change);
    return this.waitFor("welcome", before);
  }

  told<C extends Case>(name: C): Told<C>[] {
    return this.received.flatMap((told) => (told.$case === name ? [told.value as Told<C>] : []));
  }

  /** @param index how many of these there were before */
  async waitFor<C extends Case>(name: C, index = 0): Promise<Told<C>> {
    await until(
      () => this.told(name).length > index,
      () => `no ${name}: ${JSON.stringify(this.received.slice(-5))}`,
    );
    const [told] = this.told(name).slice(index);
    if (told === undefined) throw new Error("it was there a moment ago");
    return told;
  }

  async waitForEnd(): Promise<StatusObject> {
    await until(
      () => this.ended !== undefined,
      () => "the stream has not ended",
    );
    if (this.ended === undefined) throw new Error("it had ended");
    return this.ended;
  }

  /** The last of what it wanted to say may have been said or not. */
  leave(): void {
    this.#stream?.cancel();
  }

  close(): void {
    this.leave();
    this.#client.close();
    this.way.close();
  }
}

export async function until(isSo: () => boolean | Promise<boolean>, otherwise: () => string): Promise<void> {
  if (!(await waitUntil(systemClock, patienceMs, isSo))) throw new Error(otherwise());
}
