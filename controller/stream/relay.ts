/**
 * Asking a machine something at once: of its own stream, or through the controller that has it. Whoever calls has been found to be
 * allowed to; the other controller believes that.
 */

import { type ChannelCredentials, type ChannelOptions, Metadata, type ServiceError } from "@grpc/grpc-js";
import { fromServiceError } from "../../common/error-wire.ts";
import { LuksmithError } from "../../common/errors.ts";
import { serverStream, unary } from "../../common/grpc-call.ts";
import type { Log } from "../../common/log.ts";
import type { CancelOrder, Query, Reply } from "../../proto/gen/luksmith/v1/fleet.ts";
import {
  type MachineProgress,
  type RelayServiceAskResponse,
  RelayServiceClient,
  type RelayServiceServer,
} from "../../proto/gen/luksmith/v1/relay.ts";
import { requireKind } from "../listen/peer.ts";
import { type ControllerRow, listControllers } from "../store/controllers.ts";
import { getMachine } from "../store/machines.ts";
import type { Store } from "../store/store.ts";
import type { Sessions } from "./sessions.ts";

/** Another controller answers at once, or is not there. */
const answerMs = 5000;

/** How this controller calls another. */
export interface RelayChannel {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

export class Relay {
  readonly #store: Store;
  readonly #sessions: Sessions;
  readonly #channel: (controllerId: string) => RelayChannel;

  /** @param channel to the controller of that id, and to no other */
  constructor(store: Store, sessions: Sessions, channel: (controllerId: string) => RelayChannel) {
    this.#store = store;
    this.#sessions = sessions;
    this.#channel = channel;
  }

  /**
   * What the machine replies, the last of which says so, until then or until the signal is aborted.
   * @param query its id does not matter
   * @throws {LuksmithError} what the machine says; "unreachable" when it is not connected; "lost", "stalled", "locked"
   */
  async *ask(machineId: string, query: Query, signal: AbortSignal): AsyncGenerator<Reply, void, undefined> {
    const session = this.#sessions.of(machineId);
    if (session !== undefined) {
      yield* session.ask(query, signal);
      return;
    }
    const client = await this.#clientOf(machineId);
    try {
      yield* replies(client, machineId, query, signal);
    } finally {
      client.close();
    }
  }

  /** What becomes of it the machine reports. @throws {LuksmithError} "unreachable" */
  async cancel(machineId: string, order: CancelOrder): Promise<void> {
    const session = this.#sessions.of(machineId);
    if (session !== undefined) {
      session.send({ $case: "cancelOrder", value: order });
      return;
    }
    const client = await this.#clientOf(machineId);
    try {
      await new Promise<void>((resolve, reject) => {
        client.cancel({ machineId, order }, new Metadata(), { deadline: Date.now() + answerMs }, (error) =>
          error === null ? resolve() : reject(relayError(error)),
        );
      });
    } finally {
      client.close();
    }
  }

  /** How far the runs are on all machines that are connected anywhere; what a controller does not tell is left out. */
  async progress(): Promise<MachineProgress[]> {
    const others = (await listControllers(this.#store.database)).filter(({ id }) => id !== this.#sessions.controllerId);
    const theirs = await Promise.all(others.map((other) => this.#progressAt(other)));
    return [progressHere(this.#sessions), ...theirs].flat();
  }

  async #progressAt(controller: ControllerRow): Promise<MachineProgress[]> {
    const client = this.#client(controller);
    try {
      return await new Promise((resolve) => {
        client.listProgress({}, new Metadata(), { deadline: Date.now() + answerMs }, (error, response) =>
          resolve(error === null ? response.machines : []),
        );
      });
    } finally {
      client.close();
    }
  }

  async #clientOf(machineId: string): Promise<RelayServiceClient> {
    const machine = await getMachine(this.#store.database, machineId);
    const controllers = await listControllers(this.#store.database);
    const controller = controllers.find(({ id }) => id === machine?.controllerId);
    if (controller === undefined || controller.id === this.#sessions.controllerId) {
      throw notConnected();
    }
    return this.#client(controller);
  }

  #client({ id, address }: ControllerRow): RelayServiceClient {
    const { credentials, options } = this.#channel(id);
    // with its scheme: a host may be called like one
    return new RelayServiceClient(`dns:${address}`, credentials, options);
  }
}

async function* replies(
  client: RelayServiceClient,
  machineId: string,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<Reply, void, undefined> {
  const call = client.ask({ machineId, query });
  const cancel = () => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    for await (const { reply } of call as AsyncIterable<RelayServiceAskResponse>) if (reply !== undefined) yield reply;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof LuksmithError ? error : relayError(error as ServiceError);
  } finally {
    signal.removeEventListener("abort", cancel);
    call.cancel();
  }
}

function relayError(error: ServiceError): LuksmithError {
  return (
    fromServiceError(error) ??
    new LuksmithError("unreachable", "the controller that the machine is connected to does not answer", {
      hint: "luksmith fleet controllers",
      cause: error,
    })
  );
}

function notConnected(): LuksmithError {
  return new LuksmithError("unreachable", "the machine is not connected", { hint: "luksmith fleet machines" });
}

function progressHere(sessions: Sessions): MachineProgress[] {
  return sessions
    .all()
    .flatMap(({ machineId, running }) => (running.length === 0 ? [] : [{ machineId, running: [...running] }]));
}

/** The other end, for controllers alone. */
export function relayService(sessions: Sessions, log: Log): RelayServiceServer {
  return {
    ask: serverStream(log, async ({ machineId, query }, peer, stream) => {
      requireKind(peer, "controller");
      const session = sessions.of(machineId);
      if (session === undefined) throw notConnected();
      if (query === undefined) throw new LuksmithError("usage", "there is no query");
      for await (const reply of session.ask(query, stream.gone)) await stream.send({ reply });
    }),
    cancel: unary(log, ({ machineId, order }, peer) => {
      requireKind(peer, "controller");
      const session = sessions.of(machineId);
      if (session === undefined) throw notConnected();
      if (order !== undefined) session.send({ $case: "cancelOrder", value: order });
      return {};
    }),
    listProgress: unary(log, (_request, peer) => {
      requireKind(peer, "controller");
      return { machines: progressHere(sessions) };
    }),
  };
}
