/** Errors across gRPC: the exact code, message and hint travel as a protobuf in the trailing metadata. */

import { Metadata, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import { ErrorDetail } from "../proto/gen/luksmith/v1/types.ts";
import { asLuksmithError, errorCodes, isErrorCode, LuksmithError } from "./errors.ts";

/** "-bin" makes gRPC carry the value as bytes (https://grpc.io/docs/guides/metadata/). */
const detailKey = "luksmith-error-bin";

export function toErrorDetail(thrown: unknown): ErrorDetail {
  const error = asLuksmithError(thrown);
  return { code: error.code, message: error.message, hint: error.hint ?? "" };
}

export function fromErrorDetail(detail: ErrorDetail): LuksmithError {
  return new LuksmithError(isErrorCode(detail.code) ? detail.code : "internal", detail.message, {
    ...(detail.hint === "" ? {} : { hint: detail.hint }),
  });
}

/** The status a gRPC server ends a call with. The cause stays behind. */
export function toStatus(thrown: unknown): StatusObject {
  const error = asLuksmithError(thrown);
  const metadata = new Metadata();
  metadata.set(detailKey, Buffer.from(ErrorDetail.encode(toErrorDetail(error)).finish()));
  return { code: errorCodes[error.code].grpc, details: error.message, metadata };
}

/** What a gRPC client was told, or undefined when the other side sent no detail (it is not ours, or went away). */
export function fromServiceError(error: ServiceError): LuksmithError | undefined {
  const [value] = error.metadata?.get(detailKey) ?? [];
  if (!Buffer.isBuffer(value)) return undefined;
  try {
    return fromErrorDetail(ErrorDetail.decode(value));
  } catch {
    return undefined;
  }
}
