import "reflect-metadata";
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { describe, it } from "node:test";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { makeKeyAndRequest } from "../../../common/fleet/certificate-request.ts";
import { keyOfRequest } from "../../../controller/authority/request.ts";

async function requestWith(keys: webcrypto.CryptoKeyPair, name: string, hash: string): Promise<Uint8Array> {
  const signingAlgorithm = { name, hash };
  const made = await Pkcs10CertificateRequestGenerator.create({ name: "CN=root", keys, signingAlgorithm }, webcrypto);
  return new Uint8Array(made.rawData);
}

describe("a certificate request", () => {
  it("gives its key", async () => {
    const { request } = await makeKeyAndRequest();
    assert.equal((await keyOfRequest(request)).algorithm.name, "ECDSA");
  });

  it("is refused when its key is of another kind", async () => {
    const { subtle } = webcrypto;
    const p384 = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, true, ["sign", "verify"]);
    const rsa = await subtle.generateKey(
      { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
      true,
      ["sign", "verify"],
    );
    for (const request of [
      await requestWith(p384, "ECDSA", "SHA-384"),
      await requestWith(rsa, "RSASSA-PKCS1-v1_5", "SHA-256"),
    ]) {
      await assert.rejects(keyOfRequest(request), { code: "usage", message: /not a P-256 key/ });
    }
  });

  it("is refused when it was not signed by its key, and never breaks anything", async () => {
    const { request } = await makeKeyAndRequest();
    const last = request.length - 1;
    const changed = Uint8Array.from(request);
    changed[last] = (changed[last] ?? 0) ^ 1;
    await assert.rejects(keyOfRequest(changed), { code: "usage" });
    for (const bytes of [new Uint8Array(), new Uint8Array(5000), Buffer.from("-----BEGIN"), request.subarray(0, 100)]) {
      await assert.rejects(keyOfRequest(bytes), { code: "usage" });
    }
    // a bit here and there
    for (let at = 0; at < request.length; at += 1) {
      const flipped = Uint8Array.from(request);
      flipped[at] = (flipped[at] ?? 0) ^ 0x40;
      await keyOfRequest(flipped).catch((error: unknown) => {
        assert.equal(error instanceof Error && "code" in error && error.code, "usage");
      });
    }
  });
});
