/**
 * Standard output and standard error, opened no sooner than they must be: process.stdout is a socket where it is a pipe,
 * and loading Node's network for it takes longer than everything else that `luksmith --help` does. Until then what goes
 * to a file or into a pipe is written directly, waiting for a reader that is slow, and a signal ends the program.
 * With a session that would be wrong: signals are ours then, and the agent must not be kept waiting.
 */

import { fstatSync, writeSync } from "node:fs";
import type { Screen } from "./terminal.ts";

export class StandardStream implements Screen {
  readonly #fd: 1 | 2;
  readonly #onError: (error: Error) => void;
  #maybeTerminal: boolean | undefined;
  #stream: NodeJS.WriteStream | undefined;

  /** @param onError what is done when it cannot be written to; what it throws goes to the writer */
  constructor(fd: 1 | 2, onError: (error: Error) => void) {
    this.#fd = fd;
    this.#onError = onError;
  }

  get isTTY(): boolean {
    // no terminal is anything but a character device
    this.#maybeTerminal ??= fstatSync(this.#fd).isCharacterDevice();
    return this.#maybeTerminal && this.#opened().isTTY === true;
  }

  get columns(): number | undefined {
    return this.isTTY ? this.#opened().columns : undefined;
  }

  get rows(): number | undefined {
    return this.isTTY ? this.#opened().rows : undefined;
  }

  /** From now on Node's stream takes what there is no room for yet, and the program goes on meanwhile. */
  open(): void {
    this.#opened();
  }

  write(data: string | Uint8Array): boolean {
    if (this.#stream !== undefined || this.isTTY) return this.#opened().write(data);
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
      return true;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      // somebody who has it as well made it non-blocking, and it is full: the stream can wait
      if ("code" in error && error.code === "EAGAIN") return this.#opened().write(bytes.subarray(written));
      this.#onError(error);
      return false;
    }
  }

  /** Resolves when there is room for more. */
  async drained(): Promise<void> {
    const stream = this.#stream;
    if (stream?.writableNeedDrain !== true) return;
    // one that fails has been told to #onError, and drains no more
    await new Promise<void>((resolve) => {
      stream.once("drain", resolve).once("close", resolve);
    });
  }

  #opened(): NodeJS.WriteStream {
    if (this.#stream === undefined) {
      this.#stream = this.#fd === 1 ? process.stdout : process.stderr;
      this.#stream.on("error", this.#onError);
    }
    return this.#stream;
  }
}
