/** Reading certificates of the fleet. */

import { X509Certificate } from "node:crypto";
import { LuksmithError } from "../errors.ts";
import { type FleetIdentity, identityIn } from "./identity.ts";

export interface FleetCertificate {
  /** undefined: not one of a fleet's, or an authority's. */
  readonly identity: FleetIdentity | undefined;
  /** In lower-case hexadecimal. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly fingerprint: string;
}

export function readCertificate(certificate: X509Certificate): FleetCertificate {
  return {
    identity: identityIn(certificate.subjectAltName),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    fingerprint: fingerprintOf(certificate),
  };
}

/** SHA-256 of the DER, in lower-case hexadecimal. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(":", "").toLowerCase();
}

const pemPattern = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
/** A fleet has one authority, and two while it changes them. */
const bundleMax = 8;

/** The certificates in PEM text. @throws {LuksmithError} "refused" when there is none, or what is no certificate */
export function certificatesIn(pem: string): [X509Certificate, ...X509Certificate[]] {
  const texts = pem.match(pemPattern) ?? [];
  try {
    const [first, ...others] = texts.slice(0, bundleMax).map((text) => new X509Certificate(text));
    if (first !== undefined) return [first, ...others];
  } catch (cause) {
    throw new LuksmithError("refused", "a certificate cannot be read", { cause });
  }
  throw new LuksmithError("refused", "there is no certificate where one should be");
}

/** Which of the authorities has signed it. */
export function issuerAmong(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  return authorities.find((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
}
