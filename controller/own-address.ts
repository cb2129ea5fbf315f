/** Where the other controllers reach this one, unless the configuration says. Pure. */

import type { ListenAddress } from "../common/config/listen-address.ts";
import { showAddress } from "../common/fleet/address.ts";

/** They stand for each address of the machine: whoever is elsewhere would reach itself by them. */
const everywhere: readonly (string | undefined)[] = [undefined, "0.0.0.0", "::"];

/** @param hostname of this machine */
export function ownAddress({ host, port }: ListenAddress, hostname: string): string {
  return showAddress({ host: host === undefined || everywhere.includes(host) ? hostname : host, port });
}
