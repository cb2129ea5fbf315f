/**
 * A Unix socket that takes one connection and nobody else, and does not read from it: what is at the other end is handed to a
 * program as its standard input and output, so that killing the program breaks the connection, whatever else hangs.
 */

import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { rejectsWhenAborted } from "../../common/aborted.ts";
import { LuksmithError } from "../../common/errors.ts";

/** Node keeps the descriptor to itself (net.Socket, `_handle`), as it has since version 0.6. */
type SocketWithHandle = Socket & { readonly _handle?: { readonly fd: number } | null };

export class OneConnection {
  readonly #path: string;
  readonly #listener: Server;
  readonly #accepted: Promise<Socket>;

  private constructor(path: string, listener: Server) {
    this.#path = path;
    this.#listener = listener;
    this.#accepted = once(listener, "connection").then(([socket]) => {
      listener.close();
      return socket as Socket;
    });
    this.#accepted.catch(() => undefined);
  }

  /** @param path in a directory that is root's alone; what is there is replaced */
  static async listen(path: string): Promise<OneConnection> {
    await rm(path, { force: true });
    const listener = createServer({ pauseOnConnect: true });
    listener.maxConnections = 1;
    listener.listen(path);
    await once(listener, "listening");
    return new OneConnection(path, listener);
  }

  /** @param start gets the descriptor, which is open until it returns */
  async hand<T>(signal: AbortSignal, start: (fd: number) => T | Promise<T>): Promise<T> {
    const socket = await Promise.race([this.#accepted, rejectsWhenAborted(signal)]);
    try {
      const fd = (socket as SocketWithHandle)._handle?.fd;
      if (fd === undefined || fd < 0)
        throw new LuksmithError("internal", `who connected to ${this.#path} has gone again`);
      return await start(fd);
    } finally {
      socket.destroy();
    }
  }

  async close(): Promise<void> {
    this.#listener.close();
    this.#accepted.then(
      (socket) => socket.destroy(),
      () => undefined,
    );
    await rm(this.#path, { force: true });
  }
}
