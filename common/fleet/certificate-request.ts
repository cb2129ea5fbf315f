/** A key, and the request for a certificate of it (PKCS #10, RFC 2986). The key is made where it is used and stays there. */

// has to be there before the next is loaded
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";

export interface KeyAndRequest {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** DER. Names nobody: whose certificate it will be is for the controller to say. */
  readonly request: Uint8Array;
}

/** P-256: every TLS library has it, and a handshake costs the least. */
export const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
export const signatureAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;

export async function makeKeyAndRequest(): Promise<KeyAndRequest> {
  const { subtle } = webcrypto;
  const keys = await subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create(
    { name: "CN=luksmith", keys, signingAlgorithm: signatureAlgorithm },
    webcrypto,
  );
  const pkcs8 = Buffer.from(await subtle.exportKey("pkcs8", keys.privateKey));
  return { key: toPem("PRIVATE KEY", pkcs8), request: new Uint8Array(request.rawData) };
}

const pemColumns = 64;

function toPem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(new RegExp(`.{1,${pemColumns}}`, "g")) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
