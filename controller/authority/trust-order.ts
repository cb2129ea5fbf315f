/** What a machine is to be told of its trust, given what it has reported. Pure. */

import { certificatesIn, fingerprintOf } from "../../common/fleet/certificate.ts";
import type { NewTrust, Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { AuthorityState } from "./authorities.ts";

/** Whom machines are to believe, and where they find them. */
export interface WantedTrust {
  readonly state: Pick<AuthorityState, "trusted" | "issuesClients">;
  /** Where controllers listen; none: wherever the machine finds them. */
  readonly addresses: readonly string[];
  /** All that ever were. */
  readonly revokedControllers: readonly { readonly id: string; readonly revokedMs: number }[];
}

/** What a machine takes. Of those that were revoked before them the certificates have long expired. */
const mostRevoked = 64;

/** @returns for each machine: undefined when it is as it should be */
export function trustOrders({
  state,
  addresses,
  revokedControllers,
}: WantedTrust): (
  trust: Pick<Trust, "authorities" | "issuer" | "revokedControllers" | "addresses">,
) => NewTrust | undefined {
  const wanted = certificatesIn(state.trusted).map(fingerprintOf);
  const newestFirst = revokedControllers.toSorted((a, b) => b.revokedMs - a.revokedMs || (a.id < b.id ? -1 : 1));
  const revoked = newestFirst.slice(0, mostRevoked).map(({ id }) => id);
  return (trust) => {
    const isSame = areSame(wanted, trust.authorities);
    const areRevoked = areSame(revoked, trust.revokedControllers);
    const areListed = addresses.length === 0 || areSame(addresses, trust.addresses);
    const renew = trust.issuer !== state.issuesClients.fingerprint;
    if (isSame && areRevoked && areListed && !renew) return undefined;
    return {
      authorities: isSame ? "" : state.trusted,
      addresses: areListed ? [] : [...addresses],
      renew,
      revokedControllers: areRevoked ? undefined : { ids: [...revoked] },
    };
  };
}

/** In whatever order. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one));
}
