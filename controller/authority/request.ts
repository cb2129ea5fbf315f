/** A request for a certificate (PKCS #10), from whoever. Taken from it is the public key, and nothing else. */

// has to be there before the next is loaded
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { Pkcs10CertificateRequest, type PublicKey } from "@peculiar/x509";
import { LuksmithError } from "../../common/errors.ts";
import { keyAlgorithm } from "../../common/fleet/certificate-request.ts";

/** One with a P-256 key takes about 300. */
const requestBytesMax = 4096;

/** @throws {LuksmithError} "usage" when its signature is not by its key, or the key is of another kind than ours */
export async function keyOfRequest(der: Uint8Array): Promise<PublicKey> {
  if (der.length > requestBytesMax) throw unusable("too long");
  try {
    const request = new Pkcs10CertificateRequest(new Uint8Array(der));
    const { algorithm } = request.publicKey;
    const curve = "namedCurve" in algorithm ? algorithm.namedCurve : undefined;
    if (algorithm.name !== keyAlgorithm.name || curve !== keyAlgorithm.namedCurve) throw unusable("not a P-256 key");
    // who cannot sign with it has not got the key
    if (!(await request.verify(webcrypto))) throw unusable("the signature is not by its key");
    return request.publicKey;
  } catch (thrown) {
    if (thrown instanceof LuksmithError) throw thrown;
    throw unusable("not PKCS #10", thrown);
  }
}

function unusable(why: string, cause?: unknown): LuksmithError {
  return new LuksmithError("usage", `the certificate request cannot be used: ${why}`, { cause });
}
