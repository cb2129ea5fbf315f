/** A way to a server that can be cut like a cable, with a word to both ends, or without one. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

export class Cable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @param connect to the server, asked at each connection that comes here */
  static async open(connect: () => Socket): Promise<Cable> {
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = connect();
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one);
        one.on("error", () => undefined);
        one.once("close", () => {
          sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Cable(server, sockets);
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing goes either way any more on the connections that there are, and nobody is told. @returns how many ends they have */
  freeze(): number {
    for (const socket of this.#sockets) socket.unpipe().pause();
    return this.#sockets.size;
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}
