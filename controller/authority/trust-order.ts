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

/** @returns for each machine: undefined when it is as it should be */
export function trustOrders({
  state,
  addresses,
  revokedControllers,
}: WantedTrust): (trust: Pick<Trust, "authorities" | "issuer" | "revokedControllers">) => NewTrust | undefined {
  const wanted = certificatesIn(state.trusted).map(fingerprintOf);
  return (trust) => {
    const isSame = areSame(wanted, trust.authorities);
    const areRevoked = areSame(revokedControllers, trust.revokedControllers);
    const renew = trust.issuer !== state.issuesClients.fingerprint;
    if (isSame && areRevoked && !renew) return undefined;
    return {
      authorities: isSame ? "" : state.trusted,
      addresses: [...addresses],
      renew,
      revokedControllers: areRevoked ? undefined : { ids: [...revokedControllers] },
    };
  };
}

/** In whatever order. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
