/** What every call goes through: who is it, may they, then the work; every error in the one form. */

import type { handleServerStreamingCall, handleUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { toStatus } from "./error-wire.ts";
import { asLuksmithError } from "./errors.ts";
import type { Log } from "./log.ts";

/** @param work gets the request, the peer that the transport named, and a signal that the caller waits no longer */
export function unary<Request, Response>(
  log: Log,
  work: (request: Request, peer: string, gone: AbortSignal) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, callback: sendUnaryData<Response>) => {
    // read at once: after a disconnect grpc-js no longer knows
    const peer = call.getPeer();
    const gone = new AbortController();
    call.on("cancelled", () => gone.abort());
    Promise.resolve()
      .then(() => work(call.request, peer, gone.signal))
      .then(
        (response) => callback(null, response),
        (error: unknown) => {
          logInternal(log, error);
          callback(toStatus(error));
        },
      );
  };
}

export interface Stream<Response> {
  /** Resolves when the reader can take more; rejects when it is gone. */
  send(response: Response): Promise<void>;
  /** Aborted when the caller has gone away. */
  readonly gone: AbortSignal;
}

export function serverStream<Request, Response>(
  log: Log,
  work: (request: Request, peer: string, stream: Stream<Response>) => Promise<void>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const peer = call.getPeer();
    const gone = new AbortController();
    call.on("cancelled", () => gone.abort());
    call.on("close", () => gone.abort());
    call.on("error", () => gone.abort());
    const stream = { gone: gone.signal, send: (response: Response) => send(call, response, gone.signal) };
    Promise.resolve()
      .then(() => work(call.request, peer, stream))
      .then(
        () => call.end(),
        (error: unknown) => {
          if (gone.signal.aborted) return;
          logInternal(log, error);
          call.emit("error", toStatus(error));
        },
      );
  };
}

async function send<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  response: Response,
  gone: AbortSignal,
): Promise<void> {
  gone.throwIfAborted();
  if (call.write(response)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (done: () => void) => {
      call.off("drain", onDrain);
      gone.removeEventListener("abort", onGone);
      done();
    };
    const onDrain = () => settle(resolve);
    const onGone = () => settle(() => reject(gone.reason));
    call.once("drain", onDrain);
    gone.addEventListener("abort", onGone, { once: true });
  });
}

/** What callers are not told, the log is. */
function logInternal(log: Log, thrown: unknown): void {
  const error = asLuksmithError(thrown);
  if (error.code === "internal") log.error({ err: error.cause ?? error }, "a call failed inside luksmith");
}
