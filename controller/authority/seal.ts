/** Private keys as they lie in the database: AES-256-GCM (NIST SP 800-38D). */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { LuksmithError } from "../../common/errors.ts";

const algorithm = "aes-256-gcm";
/** The first byte, should there ever be another form. */
const form = 1;
/** What SP 800-38D advises; at random, it is safe for 2^32 keys. */
const nonceBytes = 12;
const tagBytes = 16;

/** @param name whose key it is: it opens under no other */
export function seal(secret: Uint8Array, name: string, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(name));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(form), nonce, cipher.getAuthTag(), sealed]);
}

/** @throws {LuksmithError} "wrong_key" when it was sealed with another secret, for another name, or was changed */
export function unseal(secret: Uint8Array, name: string, sealed: Uint8Array): Buffer {
  const bytes = Buffer.from(sealed);
  try {
    if (bytes[0] !== form) throw new RangeError(`form ${bytes[0]}`);
    const nonce = bytes.subarray(1, 1 + nonceBytes);
    const tag = bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes);
    const decipher = createDecipheriv(algorithm, secret, nonce, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(name)).setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)), decipher.final()]);
  } catch (cause) {
    throw new LuksmithError("wrong_key", "the authority's key does not open with this controller's secret", {
      hint: "controller.secret is to be that of the controller that the fleet was made with",
      cause,
    });
  }
}
