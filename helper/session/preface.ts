/** The first words of HTTP/2, which gRPC is spoken over (RFC 9113, 3.4): who does not begin with them wants something else. */

import type { Readable } from "node:stream";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** A machine says them as soon as its ssh is there. */
const deadlineMs = 30_000;

const ends = ["end", "error", "close"] as const;

export type Beginning = "grpc" | "nothing" | "something else";

/** Waits for them, and leaves the stream as it was. */
export async function beginningOf(stream: Readable): Promise<Beginning> {
  let heard = Buffer.alloc(0);
  const timer = AbortSignal.timeout(deadlineMs);
  for (;;) {
    const chunk: Buffer | null = stream.read();
    if (chunk !== null) heard = Buffer.concat([heard, chunk]);
    const compared = Math.min(heard.length, preface.length);
    if (!preface.subarray(0, compared).equals(heard.subarray(0, compared))) return "something else";
    if (compared === preface.length) {
      stream.unshift(heard);
      return "grpc";
    }
    const isMore = await more(stream, timer);
    if (!isMore) return heard.length === 0 ? "nothing" : "something else";
  }
}

/** @returns false when nothing more will come, or has not in time */
function more(stream: Readable, timer: AbortSignal): Promise<boolean> {
  if (stream.readableEnded || stream.destroyed || timer.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (isMore: boolean) => {
      stream.off("readable", onMore);
      for (const name of ends) stream.off(name, onEnd);
      timer.removeEventListener("abort", onEnd);
      resolve(isMore);
    };
    const onMore = () => settle(true);
    const onEnd = () => settle(false);
    stream.on("readable", onMore);
    for (const name of ends) stream.on(name, onEnd);
    timer.addEventListener("abort", onEnd);
  });
}
