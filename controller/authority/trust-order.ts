/** What a machine is to be told of its trust, given what it has reported. Pure. */

import { certificatesIn, fingerprintOf } from "../../common/fleet/certificate.ts";
import type { NewTrust, Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { AuthorityState } from "./authorities.ts";

/** @returns undefined when it is as it should be @param addresses where controllers listen, told along with everything */
export function trustOrder(
  trust: Pick<Trust, "authorities" | "issuer">,
  state: Pick<AuthorityState, "trusted" | "issuesClients">,
  addresses: readonly string[],
): NewTrust | undefined {
  const wanted = certificatesIn(state.trusted).map(fingerprintOf);
  const isSame = wanted.length === trust.authorities.length && wanted.every((one) => trust.authorities.includes(one));
  const renew = trust.issuer !== state.issuesClients.fingerprint;
  if (isSame && !renew) return undefined;
  return { authorities: isSame ? "" : state.trusted, addresses: [...addresses], renew };
}
