/** A passphrase, as bytes: typed where nobody sees it, or the first line of standard input. Never an argument. */

import type { ReadStream } from "node:tty";
import { LuksmithError } from "../common/errors.ts";
import { Stopped } from "./stopped.ts";

/** cryptsetup(8): what it takes when it asks for one itself. */
const mostBytes = 512;
const interrupt = 0x03;
const endOfInput = 0x04;
const backspace = [0x08, 0x7f];
const endOfLine = [0x0a, 0x0d];
const sigint = 2;

/** @param prompt shown where there is a terminal @throws {LuksmithError} "usage" for none, or one that is too long */
export async function readPassphrase(
  input: NodeJS.ReadStream,
  prompt: (text: string) => void,
  question: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const typed = input.isTTY ? await fromTerminal(input, prompt, question, signal) : await firstLine(input, signal);
  if (typed.length === 0 || typed.length > mostBytes) {
    const why = typed.length === 0 ? "there is no passphrase" : `the passphrase is longer than ${mostBytes} bytes`;
    throw new LuksmithError("usage", why, { hint: "it is the first line of standard input, or typed at the terminal" });
  }
  return typed;
}

async function fromTerminal(
  input: ReadStream,
  prompt: (text: string) => void,
  question: string,
  signal: AbortSignal,
): Promise<Buffer> {
  prompt(question);
  // the terminal neither shows nor gathers what is typed
  input.setRawMode(true);
  try {
    return await gather(input, signal);
  } finally {
    input.setRawMode(false);
    input.pause();
    prompt("\n");
  }
}

/** What is typed up to the end of a line; a character that is taken back goes with all its bytes. The input can be used again. */
function gather(input: ReadStream, signal: AbortSignal): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let typed = Buffer.alloc(0);
  const onData = (chunk: Buffer | string) => {
    for (const byte of Buffer.from(chunk)) {
      if (byte === interrupt) return reject(new Stopped(sigint));
      if (byte === endOfInput || endOfLine.includes(byte)) return resolve(typed);
      typed = backspace.includes(byte) ? withoutLast(typed) : Buffer.concat([typed, Buffer.of(byte)]);
    }
  };
  const onEnd = () => resolve(typed);
  const onAbort = () => reject(signal.reason);
  input.on("data", onData);
  input.once("end", onEnd);
  signal.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => {
    input.off("data", onData);
    input.off("end", onEnd);
    signal.removeEventListener("abort", onAbort);
  });
}

function withoutLast(typed: Buffer): Buffer<ArrayBuffer> {
  return Buffer.from([...typed.toString()].slice(0, -1).join(""));
}

async function firstLine(input: AsyncIterable<Buffer | string>, signal: AbortSignal): Promise<Buffer> {
  let all = Buffer.alloc(0);
  for await (const chunk of input) {
    signal.throwIfAborted();
    all = Buffer.concat([all, Buffer.from(chunk)]);
    const end = all.indexOf(0x0a);
    if (end !== -1) return all.subarray(0, end);
    if (all.length > mostBytes) break;
  }
  return all;
}
