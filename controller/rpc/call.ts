/** What every operator's call goes through: errors that somebody can do something about. */

import type { handleServerStreamingCall, handleUnaryCall } from "@grpc/grpc-js";
import { LuksmithError } from "../../common/errors.ts";
import * as calls from "../../common/grpc-call.ts";
import { mayPass } from "../store/store-error.ts";
import type { ControllerParts } from "./parts.ts";

type Parts = Pick<ControllerParts, "store" | "log" | "operators">;

export function unary<Request, Response>(
  parts: Parts,
  work: (request: Request, peer: string, gone: AbortSignal) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return calls.unary(parts.log, (request, peer, gone) =>
    inWords(parts, peer, () => {
      refuseNul(request);
      return work(request, peer, gone);
    }),
  );
}

export function serverStream<Request, Response>(
  parts: Parts,
  work: (request: Request, peer: string, stream: calls.Stream<Response>) => Promise<void>,
): handleServerStreamingCall<Request, Response> {
  return calls.serverStream(parts.log, (request, peer, stream) =>
    inWords(parts, peer, () => {
      refuseNul(request);
      return work(request, peer, stream);
    }),
  );
}

async function inWords<T>({ store, operators }: Parts, peer: string, work: () => Promise<T>): Promise<T> {
  const leave = operators.enter(peer);
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof LuksmithError) throw thrown;
    if (mayPass(thrown)) throw store.error(thrown);
    throw new LuksmithError("internal", "something went wrong inside the controller", {
      hint: "its log says more: journalctl -u luksmith-controller",
      cause: thrown,
    });
  } finally {
    leave();
  }
}

/** No text of ours has one, and PostgreSQL takes none. Bytes are looked at by whoever takes them. */
function refuseNul(value: unknown): void {
  if (typeof value === "string" && value.includes("\0")) {
    throw new LuksmithError("usage", "a text has a character in it that no text has (NUL)");
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  for (const inner of Object.values(value)) refuseNul(inner);
}
