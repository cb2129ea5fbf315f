/** What to make of a certificate that a client has shown. Pure. OpenSSL has verified it as well: both have to agree. */

import type { X509Certificate } from "node:crypto";
import { issuerAmong, readCertificate } from "../../common/fleet/certificate.ts";
import type { FleetIdentity } from "../../common/fleet/identity.ts";
import type { Refusal } from "./refusal.ts";

export interface Shown {
  readonly identity: FleetIdentity;
  readonly serial: string;
  readonly expiresMs: number;
}

/** RFC 5280, 4.2.1.12: id-kp-clientAuth. */
const clientAuth = "1.3.6.1.5.5.7.3.2";

/**
 * @param isVerified by OpenSSL
 * @param authorities that are trusted now
 * @returns whom it speaks for, if it is still to count; or why it does not, and whose it would be
 */
export function judge(
  certificate: X509Certificate,
  isVerified: boolean,
  authorities: readonly X509Certificate[],
  now: Date,
): { shown: Shown } | { refusal: Refusal; claimed: FleetIdentity | undefined } {
  const { identity, serial, notBefore, notAfter } = readCertificate(certificate);
  // whoever has signed it may have put any name into it
  if (issuerAmong(certificate, authorities) === undefined) return { refusal: "foreign", claimed: undefined };
  if (now < notBefore) return { refusal: "early", claimed: identity };
  if (now >= notAfter) return { refusal: "expired", claimed: identity };
  if (certificate.keyUsage?.includes(clientAuth) !== true) return { refusal: "purpose", claimed: identity };
  if (identity === undefined || certificate.ca) return { refusal: "nobody", claimed: undefined };
  if (!isVerified) return { refusal: "foreign", claimed: undefined };
  return { shown: { identity, serial, expiresMs: notAfter.getTime() } };
}
