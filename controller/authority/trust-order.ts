/** What a machine is to be told of its trust, given what it has reported. Pure. */

import { certificatesIn, fingerprintOf } from "../../common/fleet/certificate.ts";
import type { NewTrust, Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { AuthorityState } from "./authorities.ts";

/** Whom machines are to believe, and where they find them. */
export interface WantedTrust {
  readonly state: Pick<AuthorityState, "trusted" | "issuesClients">;
  /** Where controllers listen, told along with everything. */
  readonly addresses: readonly string[];
  /** Ids. */
  readonly revokedControllers: readonly string[];
}

/** @returns undefined when it is as it should be */
export function trustOrder(
  trust: Pick<Trust, "authorities" | "issuer" | "revokedControllers">,
  { state, addresses, revokedControllers }: WantedTrust,
): NewTrust | undefined {
  const isSame = areSame(certificatesIn(state.trusted).map(fingerprintOf), trust.authorities);
  const areRevoked = areSame(revokedControllers, trust.revokedControllers);
  const renew = trust.issuer !== state.issuesClients.fingerprint;
  if (isSame && areRevoked && !renew) return undefined;
  return {
    authorities: isSame ? "" : state.trusted,
    addresses: [...addresses],
    renew,
    revokedControllers: areRevoked ? undefined : { ids: [...revokedControllers] },
  };
}

/** In whatever order. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
