/** Why a certificate does not count, as a closed list, with what its owner is told. */

import { type ErrorCode, LuksmithError } from "../../common/errors.ts";

const enrolAgain =
  "luksmith enroll ADDRESS --token ... --ca ... --replace, with a token of luksmith fleet token create";

const refusals = {
  foreign: { message: "the certificate is not one of this fleet's authorities", hint: enrolAgain },
  expired: { message: "the certificate has expired", hint: enrolAgain },
  early: { message: "the certificate is not valid yet", hint: "compare the clocks of both machines" },
  purpose: { message: "the certificate is no client's", hint: enrolAgain },
  nobody: { message: "the certificate does not say whose it is", hint: enrolAgain },
  revoked: { message: "the certificate has been revoked", hint: enrolAgain },
  unknown: { message: "the fleet has nobody of this name", hint: enrolAgain },
  // passes by itself
  unchecked: { code: "unreachable", message: "the controller cannot reach its database", hint: "it tries again" },
} as const satisfies Record<string, { code?: ErrorCode; message: string; hint: string }>;

export type Refusal = keyof typeof refusals;

export function isRefusal(text: string): text is Refusal {
  return Object.hasOwn(refusals, text);
}

export function refusalError(refusal: Refusal): LuksmithError {
  const { message, hint, ...rest } = refusals[refusal];
  return new LuksmithError("code" in rest ? rest.code : "refused", message, { hint });
}
