/**
 * Keys and passphrases as they are typed, unseen, or piped in: as bytes, and never an argument or a variable of the
 * environment, which others on the machine can read.
 */

import { open } from "node:fs/promises";
import { LuksmithError } from "../common/errors.ts";
import type { Session } from "./session.ts";

/** More than any key is good for, and well within what one message to the agent may hold. */
const keyBytesMax = 256 * 2 ** 10;

const newline = 0x0a;
const carriageReturn = 0x0d;
/** What a terminal that hands on every byte as it is sends for Ctrl-C, Ctrl-D and the two keys that take a character back. */
const interrupt = 0x03;
const endOfInput = 0x04;
const takesBack: readonly number[] = [0x08, 0x7f];

export class SecretInput {
  readonly #session: Session;
  /** What has come in and is part of the next line. */
  #ahead: Buffer = Buffer.alloc(0);
  #hasEnded = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** A secret that is there already. @param question such as "Passphrase of home" */
  async ask(question: string): Promise<Buffer> {
    return this.#isTyped ? unseen(() => this.#typed(`${question}: `)) : this.#piped(question);
  }

  /** A new one, typed twice since nobody sees what they type. */
  async askNew(question: string): Promise<Buffer> {
    if (!this.#isTyped) return this.#piped(question);
    const [first, second] = await unseen(async () => [
      await this.#typed(`${question}: `),
      await this.#typed("The same again: "),
    ]);
    const isSame = first.equals(second);
    second.fill(0);
    if (isSame) return first;
    first.fill(0);
    throw new LuksmithError("usage", "the two are not the same", { hint: "nothing was changed; try again" });
  }

  get #isTyped(): boolean {
    const { json, terminal } = this.#session;
    if (process.stdin.isTTY !== true) return false;
    if (!json && terminal.stderrIsTerminal) return true;
    throw new LuksmithError("usage", "nobody is asked for a passphrase here", {
      hint: "pipe it into standard input, one line for each; or leave --json out, and standard error on the terminal",
    });
  }

  async #piped(question: string): Promise<Buffer> {
    const line = await this.#line(() => undefined);
    if (line !== undefined && line.length > 0) return line;
    line?.fill(0);
    throw new LuksmithError("usage", `standard input has no line for this: ${question}`, {
      hint: "one line for each, in the order in which they would be asked for",
    });
  }

  async #typed(prompt: string): Promise<Buffer> {
    const { terminal } = this.#session;
    terminal.prompt(prompt);
    try {
      const line = await this.#line(edit);
      if (line === undefined || line.length === 0) throw new LuksmithError("cancelled", "nothing was typed");
      return line;
    } finally {
      terminal.errLine("");
    }
  }

  /** @param onByte sees each first: see {@link edit} @returns undefined when the input ends before one begins */
  async #line(onByte: (byte: number, before: Buffer) => Buffer | "end" | undefined): Promise<Buffer | undefined> {
    let line: Buffer = Buffer.alloc(0);
    for (;;) {
      for (const [index, byte] of this.#ahead.entries()) {
        const edited = onByte(byte, line);
        if (byte === newline || edited === "end") {
          this.#ahead = this.#ahead.subarray(index + 1);
          return edited === "end" && line.length === 0 ? undefined : line;
        }
        line = edited ?? Buffer.concat([line, Buffer.of(byte)]);
        if (line.length > keyBytesMax) throw tooLong("the line");
      }
      this.#ahead = Buffer.alloc(0);
      if (this.#hasEnded) return line.length === 0 ? undefined : line;
      this.#ahead = await this.#more();
    }
  }

  /** The next piece of standard input; none when it has ended. @throws what the session's stop is for */
  async #more(): Promise<Buffer> {
    const { stop } = this.#session;
    stop.throwIfAborted();
    const { stdin } = process;
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        stdin.pause();
        stdin.off("data", onData).off("end", onEnd).off("error", onError);
        stop.removeEventListener("abort", onStop);
        done();
      };
      const onData = (chunk: Buffer | string) => settle(() => resolve(Buffer.from(chunk)));
      const onEnd = () => {
        this.#hasEnded = true;
        settle(() => resolve(Buffer.alloc(0)));
      };
      const onError = (error: Error) => settle(() => reject(error));
      const onStop = () => settle(() => reject(stop.reason));
      stop.addEventListener("abort", onStop, { once: true });
      stdin.on("data", onData).on("end", onEnd).on("error", onError).resume();
    });
  }
}

/** The terminal shows nothing of what is typed meanwhile, and takes no key for a command, Ctrl-C neither. */
async function unseen<T>(work: () => Promise<T>): Promise<T> {
  process.stdin.setRawMode(true);
  try {
    return await work();
  } finally {
    process.stdin.setRawMode(false);
  }
}

/** @returns what the line is now; "end" when it is over; undefined for a byte like any other */
function edit(byte: number, line: Buffer): Buffer | "end" | undefined {
  if (byte === carriageReturn || byte === endOfInput) return "end";
  if (byte === interrupt) {
    // as the terminal would have
    process.kill(process.pid, "SIGINT");
    return line;
  }
  if (!takesBack.includes(byte)) return undefined;
  let end = Math.max(0, line.length - 1);
  // a character is a first byte, and those behind it that begin with the bits 10 (UTF-8)
  while (end > 0 && ((line[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return line.subarray(0, end);
}

/** The bytes of a file, all of them: as of `--key-file` of cryptsetup's. "-" is standard input. */
export async function readKeyFrom(path: string): Promise<Buffer> {
  const file = path === "-" ? undefined : await open(path, "r").catch((error: unknown) => cannotRead(path, error));
  try {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const input: AsyncIterable<Buffer> =
      file === undefined ? process.stdin : file.createReadStream({ autoClose: false });
    for await (const piece of input) {
      bytes += piece.length;
      if (bytes > keyBytesMax) throw tooLong(path);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } finally {
    await file?.close();
  }
}

function cannotRead(path: string, cause: unknown): never {
  const why = cause instanceof Error ? cause.message : `${cause}`;
  throw new LuksmithError("usage", `the key file cannot be read: ${why}`, { hint: `ls -l ${path}`, cause });
}

function tooLong(what: string): LuksmithError {
  return new LuksmithError("usage", `${what} is longer than a key can be: 256 KiB`);
}
