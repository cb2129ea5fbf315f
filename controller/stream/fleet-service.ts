/** FleetService as gRPC calls it: who is calling, and then the session. */

import type { handleBidiStreamingCall, ServerDuplexStream, ServiceDefinition } from "@grpc/grpc-js";
import { toStatus } from "../../common/error-wire.ts";
import type { Log } from "../../common/log.ts";
import { type ConnectResponse, FleetServiceService } from "../../proto/gen/luksmith/v1/fleet.ts";
import { requireKind } from "../listen/peer.ts";
import type { AgentPeer } from "./agent-session.ts";
import type { Sessions } from "./sessions.ts";

/** The stream's messages stay bytes until their turn has come: what waits is no larger than what was sent. */
export const fleetServiceDefinition = {
  ...FleetServiceService,
  connect: { ...FleetServiceService.connect, requestDeserialize: (bytes: Buffer): Buffer => bytes },
} as const satisfies ServiceDefinition;

/** For machines, each of which is who its certificate says. */
export function connectHandler(sessions: Sessions, log: Log): handleBidiStreamingCall<Buffer, ConnectResponse> {
  return (call: ServerDuplexStream<Buffer, ConnectResponse>) => {
    // a stream that breaks says so to whoever reads it
    call.on("error", () => undefined);
    let peer: AgentPeer;
    try {
      // read at once: after a disconnect grpc-js no longer knows
      const { name, address } = requireKind(call.getPeer(), "machine");
      peer = { machineId: name, address };
    } catch (error) {
      call.emit("error", toStatus(error));
      return;
    }
    sessions.serve(call, peer).catch((error: unknown) => log.error({ err: error }, "a stream could not be served"));
  };
}
