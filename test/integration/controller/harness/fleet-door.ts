/**
 * Where agents come in, in the place of the TLS port: whoever connects says in the first line which machine it is, as a certificate
 * would. What comes then is gRPC.
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Log } from "../../../../common/log.ts";
import type { Fleet } from "../../../../controller/stream/fleet.ts";
import { connectHandler, fleetServiceDefinition } from "../../../../controller/stream/fleet-service.ts";
import { relayService } from "../../../../controller/stream/relay.ts";
import { RelayServiceService } from "../../../../proto/gen/luksmith/v1/relay.ts";

export class FleetDoor {
  readonly port: number;
  readonly #listener: NetServer;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(listener: NetServer, server: Server, sockets: Set<Socket>) {
    this.port = (listener.address() as AddressInfo).port;
    this.#listener = listener;
    this.#server = server;
    this.#sockets = sockets;
  }

  static async open(fleet: Fleet, log: Log, port = 0): Promise<FleetDoor> {
    const server = new Server({ "grpc.max_receive_message_length": 2 ** 20, "grpc-node.max_session_memory": 2 });
    server.addService(fleetServiceDefinition, {
      connect: connectHandler(fleet.sessions, log),
      renewCertificate: (_call: unknown, callback: (error: Error) => void) => callback(new Error("not here")),
    });
    server.addService(RelayServiceService, relayService(fleet.sessions, log));
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const sockets = new Set<Socket>();
    const listener = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => sockets.delete(socket));
      socket.once("readable", () => {
        const bytes: Buffer = socket.read() ?? Buffer.alloc(0);
        const end = bytes.indexOf("\n");
        const peer = bytes.subarray(0, end).toString();
        const marked = `${peer};serial=1;expires=1;address=127.0.0.1`;
        Object.defineProperty(socket, "remoteAddress", { value: marked });
        Object.defineProperty(socket, "remotePort", { value: undefined });
        if (end + 1 < bytes.length) socket.unshift(bytes.subarray(end + 1));
        injector.injectConnection(socket);
      });
    });
    listener.listen(port, "127.0.0.1");
    await once(listener, "listening");
    return new FleetDoor(listener, server, sockets);
  }

  async close(): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.forceShutdown();
  }
}
