/** What the controller shows, and whom it believes. */

import { constants } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import { tlsVersion } from "../../common/fleet/channel.ts";

export interface ServerTls {
  /** PEM: the controller's own, and behind it the authority's that has issued it, by which a pin is recognised. */
  readonly chain: string;
  readonly key: string;
  /** PEM, all authorities whose certificates count. */
  readonly trusted: string;
}

export function secureContextOptions({ chain, key, trusted }: ServerTls): SecureContextOptions {
  return {
    cert: chain,
    key,
    ca: trusted,
    minVersion: tlsVersion,
    // a session that is resumed brings back a certificate that may have expired since
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
