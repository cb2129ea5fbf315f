/** A machine's way to the controllers: says who it is, as its certificate would, and can be cut like a cable. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class WayIn {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @param to port of a controller, asked at each connection */
  static async open(peer: string, to: () => number): Promise<WayIn> {
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = connect(to(), "127.0.0.1");
      far.write(`${peer}\n`);
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
    return new WayIn(server, sockets);
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing goes either way any more, and nobody is told. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}
