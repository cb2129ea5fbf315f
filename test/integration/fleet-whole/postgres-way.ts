/** A way to PostgreSQL that can break without a word: connections that there are carry nothing any more, and nobody closes them. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class PostgresWay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @param socket of the server */
  static async open(socket: string): Promise<PostgresWay> {
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = connect(socket);
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
    return new PostgresWay(server, sockets);
  }

  url(database: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `postgres://postgres@127.0.0.1:${port}/${database}`;
  }

  /** Those that there are. @returns how many ends they have */
  swallow(): number {
    for (const socket of this.#sockets) socket.unpipe().pause();
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
