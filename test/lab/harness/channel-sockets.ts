/** One Unix socket per channel, where the harness waits for the emulator to connect. */

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type Channel, channels } from "./qemu.ts";

export class ChannelSockets {
  readonly paths: Readonly<Record<Channel, string>>;
  readonly #servers: Readonly<Record<Channel, Server>>;
  readonly #sockets: Socket[] = [];
  readonly #listeners = new Map<Channel, (chunk: Buffer) => void>();
  #control: Socket | undefined;
  #terminal: Socket | undefined;

  /** Listens in `directory`, whose path has to be short (108 bytes with the name, unix(7)). */
  static async listen(directory: string): Promise<ChannelSockets> {
    const made = new ChannelSockets(directory);
    await Promise.all(
      channels.map((channel) => {
        const server = made.#servers[channel];
        server.listen(made.paths[channel]);
        return once(server, "listening");
      }),
    );
    return made;
  }

  private constructor(directory: string) {
    const path = (channel: Channel) => join(directory, `${channel}.sock`);
    const serve = (channel: Channel) => createServer((socket) => this.#accept(channel, socket));
    this.paths = {
      control: path("control"),
      stdout: path("stdout"),
      stderr: path("stderr"),
      terminal: path("terminal"),
    };
    this.#servers = {
      control: serve("control"),
      stdout: serve("stdout"),
      stderr: serve("stderr"),
      terminal: serve("terminal"),
    };
  }

  /** Who gets what comes; one at a time. What comes while nobody listens is dropped. */
  onData(channel: Channel, listener: ((chunk: Buffer) => void) | undefined): void {
    if (listener) this.#listeners.set(channel, listener);
    else this.#listeners.delete(channel);
  }

  write(channel: "control" | "terminal", bytes: string | Buffer): void {
    (channel === "control" ? this.#control : this.#terminal)?.write(bytes);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const channel of channels) this.#servers[channel].close();
  }

  #accept(channel: Channel, socket: Socket): void {
    this.#sockets.push(socket);
    if (channel === "control") this.#control = socket;
    if (channel === "terminal") this.#terminal = socket;
    socket.on("data", (chunk: Buffer) => this.#listeners.get(channel)?.(chunk));
    // a machine that is being killed resets its connections; that it is gone is known from the process
    socket.on("error", () => undefined);
  }
}
