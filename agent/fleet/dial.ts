/** A stream to one address, by TLS with what the machine shows. */

import type { ChannelOptions, ClientDuplexStream } from "@grpc/grpc-js";
import { fleetChannelOptions, fleetCredentials } from "../../common/fleet/channel.ts";
import { type ConnectRequest, type ConnectResponse, FleetServiceClient } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { MachineIdentity } from "./identity-file.ts";

const messageLimit = 2 ** 20;

const options: ChannelOptions = {
  ...fleetChannelOptions,
  // each attempt is one of its own, and shares nothing with those before
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": messageLimit,
  // a peer whose cable was pulled is noticed within a minute; more often would wake ten thousand machines for nothing
  "grpc.keepalive_time_ms": 45_000,
  "grpc.keepalive_timeout_ms": 15_000,
  // 30 minutes by default, after which it would drop what it has
  "grpc.client_idle_timeout_ms": 2 ** 31 - 1,
  // an attempt ends here; when the next begins is decided elsewhere
  "grpc.initial_reconnect_backoff_ms": 60_000,
};

export interface Dialled {
  readonly stream: ClientDuplexStream<ConnectRequest, ConnectResponse>;
  cancel(): void;
  /** Lets go of the connection as well. */
  close(): void;
}

/** @throws {Error} OpenSSL's, when what the machine shows is damaged */
export function dial(address: string, identity: MachineIdentity): Dialled {
  const client = fleetClient(address, identity);
  const stream = client.connect();
  // whoever has something to say waits for room: queries, runs, answers
  stream.setMaxListeners(0);
  // whoever reads is told; what comes after the last word was read must not end the agent
  stream.on("error", () => undefined);
  return {
    stream,
    cancel: () => stream.cancel(),
    close: () => {
      stream.cancel();
      client.close();
    },
  };
}

/** @param address "host:port" */
export function fleetClient(
  address: string,
  { authorities, certificate, key, revokedControllers }: MachineIdentity,
): FleetServiceClient {
  // without its scheme a host that is called like one would be taken for it
  return new FleetServiceClient(
    `dns:${address}`,
    fleetCredentials({ authorities, own: { certificate, key }, revokedControllers }),
    options,
  );
}
