import "reflect-metadata";
import assert from "node:assert/strict";
import { webcrypto, X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import {
  AuthorityKeyIdentifierExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  X509Certificate as Parsed,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { keyAlgorithm, makeKeyAndRequest, signatureAlgorithm } from "../../../common/fleet/certificate-request.ts";
import { dayMs, issue, makeAuthority } from "../../../controller/authority/issue.ts";
import { keyOfRequest } from "../../../controller/authority/request.ts";
import { judge } from "../../../controller/listen/verdict.ts";

const now = new Date("2026-11-23T12:00:00Z");
const authority = await makeAuthority(now);
const authorities = [new X509Certificate(authority.certificate)];
const publicKey = await keyOfRequest((await makeKeyAndRequest()).request);

/** As the authority might have signed it in another life. */
async function odd(purposes: ExtendedKeyUsage[], names: { type: "url" | "dns"; value: string }[]) {
  const issuer = new Parsed(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", new Uint8Array(authority.key), keyAlgorithm, false, [
    "sign",
  ]);
  const extensions: Extension[] = [await AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto)];
  if (purposes.length > 0) extensions.push(new ExtendedKeyUsageExtension(purposes));
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  const certificate = await X509CertificateGenerator.create(
    {
      ...{
        serialNumber: "4f",
        issuer: issuer.subjectName,
        subject: "CN=x",
        notBefore: new Date(now.getTime() - dayMs),
      },
      ...{ notAfter: new Date(now.getTime() + dayMs), publicKey, signingKey, signingAlgorithm: signatureAlgorithm },
      extensions,
    },
    webcrypto,
  );
  return new X509Certificate(certificate.toString("pem"));
}

const m1 = { type: "url", value: "luksmith:machine:m1" } as const;

describe("the verdict on a certificate", () => {
  it("is that it counts, for whom and until when", async () => {
    const issued = await issue(authority, { kind: "machine", name: "m1" }, publicKey, dayMs, now);
    assert.deepEqual(judge(new X509Certificate(issued.certificate), true, authorities, now), {
      shown: { identity: { kind: "machine", name: "m1" }, serial: issued.serial, expiresMs: now.getTime() + dayMs },
    });
  });

  it("needs OpenSSL to agree", async () => {
    const { certificate } = await issue(authority, { kind: "machine", name: "m1" }, publicKey, dayMs, now);
    const verdict = judge(new X509Certificate(certificate), false, authorities, now);
    assert.equal("refusal" in verdict && verdict.refusal, "foreign");
  });

  const { clientAuth, serverAuth } = ExtendedKeyUsage;
  for (const [what, purposes, names, refusal] of [
    ["a server's alone", [serverAuth], [m1], "purpose"],
    ["for no purpose", [], [m1], "purpose"],
    ["without a name", [clientAuth], [], "nobody"],
    ["with a host's name", [clientAuth], [{ type: "dns", value: "m1" }], "nobody"],
    ["with two names", [clientAuth], [m1, { type: "url", value: "luksmith:operator:alice" }], "nobody"],
  ] as const) {
    it(`is "${refusal}" for one that is ${what}`, async () => {
      const verdict = judge(await odd([...purposes], [...names]), true, authorities, now);
      assert.equal("refusal" in verdict && verdict.refusal, refusal);
    });
  }

  it("is that the authority itself is no client", () => {
    const [own] = authorities;
    assert.ok(own);
    assert.ok("refusal" in judge(own, true, authorities, now));
  });
});
