/** The helper's calls as promises. */

import { type handleUnaryCall, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { HelperServiceClient, HelperServiceServer } from "../../proto/gen/luksmith/v1/helper.ts";

/** Request and response of each call, read off what serves it. */
type Calls = {
  [Name in keyof HelperServiceServer]: HelperServiceServer[Name] extends handleUnaryCall<infer Request, infer Response>
    ? { request: Request; response: Response }
    : never;
};

export type HelperCall = keyof Calls & keyof HelperServiceClient;
export type HelperRequest<Name extends HelperCall> = Calls[Name]["request"];
export type HelperResponse<Name extends HelperCall> = Calls[Name]["response"];

type Unary = (
  request: unknown,
  metadata: Metadata,
  options: { deadline?: number },
  callback: (error: ServiceError | null, response: unknown) => void,
) => { cancel(): void };

/** @param options.deadline as Date.now() counts; left out: none @throws {ServiceError} as gRPC has it */
export function callHelper<Name extends HelperCall>(
  client: HelperServiceClient,
  name: Name,
  request: HelperRequest<Name>,
  { signal, ...options }: { signal?: AbortSignal | undefined; deadline?: number } = {},
): Promise<HelperResponse<Name>> {
  return new Promise((resolve, reject) => {
    const method = client[name] as unknown as Unary;
    const call = method.call(client, request, new Metadata(), options, (error, response) => {
      signal?.removeEventListener("abort", cancel);
      if (error) reject(error);
      else resolve(response as HelperResponse<Name>);
    });
    const cancel = () => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
  });
}
