/** Making certificates: an authority's own, and by it those of machines, operators and controllers. */

// has to be there before the next is loaded
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { keyAlgorithm, signatureAlgorithm } from "../../common/fleet/certificate-request.ts";
import { type FleetIdentity, type IdentityKind, identityUri } from "../../common/fleet/identity.ts";

export interface AuthorityKeyPair {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8, DER. */
  readonly key: Uint8Array;
}

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** In lower-case hexadecimal. */
  readonly serial: string;
  readonly notAfter: Date;
}

export const dayMs = 24 * 3_600_000;
/** Ten years, with as many leap days as there may be. */
const authorityLifeMs = 3653 * dayMs;
/** Clocks that are behind would find a fresh certificate not valid yet. */
const backdateMs = dayMs;
/** RFC 5280, 4.1.2.2: 20 at the most, and positive; CA/Browser Forum: 8 at random at least. */
const serialBytes = 16;

const authorityName = "CN=luksmith fleet authority";

export async function makeAuthority(now: Date): Promise<AuthorityKeyPair> {
  const { subtle } = webcrypto;
  const keys = await subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: authorityName,
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter: new Date(now.getTime() + authorityLifeMs),
      keys,
      signingAlgorithm: signatureAlgorithm,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        // authorities that follow one another have one name: by this are they told apart
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  const key = new Uint8Array(await subtle.exportKey("pkcs8", keys.privateKey));
  return { certificate: `${certificate.toString("pem")}\n`, key };
}

const purposes: Readonly<Record<IdentityKind, ExtendedKeyUsage[]>> = {
  machine: [ExtendedKeyUsage.clientAuth],
  operator: [ExtendedKeyUsage.clientAuth],
  // controllers are one another's clients as well
  controller: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth],
};

/**
 * @param identity whom it will speak for: as the controller knows it, and never as the request has it
 * @param lifeMs cut where the authority's own life ends
 */
export async function issue(
  authority: AuthorityKeyPair,
  identity: FleetIdentity,
  publicKey: PublicKey,
  lifeMs: number,
  now: Date,
): Promise<Issued> {
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", new Uint8Array(authority.key), keyAlgorithm, false, [
    "sign",
  ]);
  const serial = newSerial();
  // a tenth, where a life is so short that a day would be most of it
  const notBefore = new Date(now.getTime() - Math.min(backdateMs, lifeMs / 10));
  const notAfter = new Date(Math.min(now.getTime() + lifeMs, issuer.notAfter.getTime()));
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serial,
      issuer: issuer.subjectName,
      subject: [{ CN: [`luksmith ${identity.kind} ${identity.name}`] }],
      notBefore,
      notAfter,
      publicKey,
      signingKey,
      signingAlgorithm: signatureAlgorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(purposes[identity.kind], true),
        new SubjectAlternativeNameExtension([{ type: "url", value: identityUri(identity) }]),
        await AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: `${certificate.toString("pem")}\n`, serial, notAfter };
}

/** No leading zeros, which some write and others leave out; and positive. */
function newSerial(): string {
  const bytes = randomBytes(serialBytes);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}
