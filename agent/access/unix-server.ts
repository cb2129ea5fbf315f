/** gRPC on a Unix socket, each connection marked with who made it before gRPC sees it. */

import { chmod, chown } from "node:fs/promises";
import { createServer, type Server as NetServer } from "node:net";
import { type Server as GrpcServer, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import type { Libc } from "./libc.ts";
import { markPeer, type PeerCredentials, readPeerCredentials } from "./peer-credentials.ts";
import type { SocketClaim } from "./socket-claim.ts";
import { UserPlaces } from "./user-places.ts";

/** The largest request: a restore that names some thousand paths. More ends the call with RESOURCE_EXHAUSTED before it is read. */
export const maxRequestBytes = 2 ** 20;
/** Of one user: each command line has one connection, and one call at a time. */
export const connectionsEach = 32;
export const callsEach = 32;
/** Who comes back after that connects again. */
const idleMs = 5 * 60_000;
/** Of headers and frames that wait, in each connection: Node's unit, and the least that takes a request of the largest kind. */
const sessionMemoryMb = 2;

/** What a client can have of a connection's memory and time is limited; grpc-js by itself does not. */
export const serverOptions = {
  "grpc.max_receive_message_length": maxRequestBytes,
  "grpc.max_concurrent_streams": callsEach,
  "grpc-node.max_session_memory": sessionMemoryMb,
  "grpc.max_connection_idle_ms": idleMs,
  // statistics of every connection, which nobody asks for
  "grpc.enable_channelz": 0,
} as const satisfies ServerOptions;

export interface UnixServerOptions {
  readonly claim: SocketClaim;
  /** The group whose members may connect besides root; undefined = root alone. */
  readonly gid: number | undefined;
  readonly server: GrpcServer;
  readonly libc: Libc;
  readonly log: Log;
  /** Hears of connections that were closed because their user has as many as one may have. */
  readonly onTurnedAway: (who: PeerCredentials, reason: string) => void;
}

export interface UnixServer extends AsyncDisposable {
  /**
   * Takes no more connections and removes the socket; safe to call twice. Calls that are under way go on: ending
   * them is up to the gRPC server (forceShutdown; its tryShutdown does not know of connections that were handed to it).
   */
  close(): Promise<void>;
  /** How many are connected. */
  connections(): Promise<number>;
}

/** @throws {LuksmithError} "internal" when the path cannot be listened on */
export async function serveUnix(options: UnixServerOptions): Promise<UnixServer> {
  const { claim, gid, server, libc, log, onTurnedAway } = options;
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const places = new UserPlaces(connectionsEach);
  const listener = createServer((socket) => {
    try {
      const credentials = readPeerCredentials(libc, socket);
      const release = places.take(credentials.uid);
      if (release === undefined) {
        socket.destroy();
        onTurnedAway(credentials, `${places.each} connections of this user are open already`);
        return;
      }
      socket.once("close", release);
      markPeer(socket, credentials);
      log.debug({ peer: credentials }, "connected");
    } catch (error) {
      log.warn({ err: error }, "a connection was refused");
      socket.destroy();
      return;
    }
    injector.injectConnection(socket);
  });
  await listen(listener, claim.path);
  // such as no file descriptors left: this connection is lost, the next may do
  listener.on("error", (error) => log.error({ err: error }, "a connection could not be taken"));
  const close = async () => {
    // Node removes the socket as it stops listening; what it would wait for are the connections
    if (listener.listening) listener.close();
  };
  try {
    if (gid !== undefined) {
      await chown(claim.path, process.geteuid?.() ?? 0, gid);
      await chmod(claim.path, 0o660);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      listener.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  return { close, connections, [Symbol.asyncDispose]: close };
}

/** For its owner alone from the first moment on: listen() binds before it returns, and only so long is the umask narrow. */
function listen(listener: NetServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error) => reject(new LuksmithError("internal", `could not listen on ${path}`, { cause }));
    listener.once("error", onError);
    const umaskBefore = process.umask(0o177);
    try {
      listener.listen(path, () => {
        listener.off("error", onError);
        resolve();
      });
    } finally {
      process.umask(umaskBefore);
    }
  });
}
