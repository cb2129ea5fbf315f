/** No more calls of one user at a time than there are places. A place is held until the work has ended, also when the caller is gone. */

import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { toStatus } from "../../common/error-wire.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type AgentServiceServer, AgentServiceService as methods } from "../../proto/gen/luksmith/v1/agent.ts";
import type { Access } from "../access/access.ts";
import { type PeerCredentials, parsePeer } from "../access/peer-credentials.ts";
import type { UserPlaces } from "../access/user-places.ts";

type UnaryHandler = (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => void;
type StreamHandler = (call: ServerWritableStream<unknown, unknown>) => void;

export function limited(
  service: AgentServiceServer,
  places: UserPlaces,
  access: Pick<Access, "turnAway">,
): AgentServiceServer {
  const take = (peer: string) => {
    const credentials = knownPeer(peer);
    // it is refused by the handler, which says so where that belongs
    if (credentials === undefined) return () => undefined;
    const release = places.take(credentials.uid);
    if (release !== undefined) return release;
    access.turnAway(credentials, "call", `${places.each} calls of this user are under way already`);
    throw new LuksmithError("locked", `${places.each} of your calls are under way already`, {
      hint: "wait until one of them has ended",
    });
  };
  const unary =
    (handler: UnaryHandler): UnaryHandler =>
    (call, done) => {
      let release: () => void;
      try {
        release = take(call.getPeer());
      } catch (error) {
        done(toStatus(error));
        return;
      }
      handler(call, (...answer) => {
        release();
        done(...answer);
      });
    };
  const stream =
    (handler: StreamHandler): StreamHandler =>
    (call) => {
      try {
        call.once("close", take(call.getPeer()));
      } catch (error) {
        call.emit("error", toStatus(error));
        return;
      }
      handler(call);
    };
  const entries = Object.entries(service).map(([name, handler]) => {
    const { responseStream } = methods[name as keyof typeof methods];
    return [name, responseStream ? stream(handler as StreamHandler) : unary(handler as UnaryHandler)];
  });
  return Object.fromEntries(entries) as AgentServiceServer;
}

function knownPeer(peer: string): PeerCredentials | undefined {
  try {
    return parsePeer(peer);
  } catch {
    return undefined;
  }
}
