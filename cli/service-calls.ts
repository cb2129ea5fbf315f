/** Calls of a gRPC service as promises and async iterables, with its errors as LuksmithErrors. */

import { type CallOptions, type Client, type ClientUnaryCall, Metadata, type ServiceError } from "@grpc/grpc-js";
import { fromServiceError } from "../common/error-wire.ts";
import { LuksmithError } from "../common/errors.ts";

interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export class ServiceCalls {
  readonly #client: Client;
  readonly #who: string;
  readonly #explain: (error: ServiceError) => LuksmithError | Promise<LuksmithError>;
  readonly #pending = new Set<ClientUnaryCall>();

  /**
   * @param who answers, such as "the agent"
   * @param explain what went wrong where the other side itself has not said so
   */
  constructor(client: Client, who: string, explain: (error: ServiceError) => LuksmithError | Promise<LuksmithError>) {
    this.#client = client;
    this.#who = who;
    this.#explain = explain;
  }

  /** Calls that nobody waits for any more would keep the program running until their deadlines. */
  close(): void {
    for (const call of this.#pending) call.cancel();
    this.#client.close();
  }

  unary<Request, Response>(method: Method<Request, Response>, request: Request, deadlineMs: number): Promise<Response> {
    const options: Partial<CallOptions> = { deadline: Date.now() + deadlineMs };
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        options,
        (error, response) => {
          this.#pending.delete(call);
          if (error) this.#told(error).then(reject, reject);
          else if (response === undefined) reject(new LuksmithError("internal", `${this.#who} answered nothing`));
          else resolve(response);
        },
      );
      this.#pending.add(call);
    });
  }

  /** @throws the signal's reason when it was aborted */
  async *stream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    signal: AbortSignal,
  ): AsyncGenerator<Response, void> {
    signal.throwIfAborted();
    const call = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
    );
    const onAbort = () => call.cancel();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for await (const response of call as AsyncIterable<Response>) yield response;
    } catch (error) {
      signal.throwIfAborted();
      throw isServiceError(error) ? await this.#told(error) : error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      call.cancel();
    }
  }

  async #told(error: ServiceError): Promise<LuksmithError> {
    return fromServiceError(error) ?? this.#explain(error);
  }
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "code" in thrown && "details" in thrown && "metadata" in thrown;
}
