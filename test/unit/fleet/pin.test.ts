import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { fingerprintOf } from "../../../common/fleet/certificate.ts";
import { makeKeyAndRequest } from "../../../common/fleet/certificate-request.ts";
import { parsePin, pinnedAmong, showPin } from "../../../common/fleet/pin.ts";
import { dayMs, issue, makeAuthority } from "../../../controller/authority/issue.ts";
import { keyOfRequest } from "../../../controller/authority/request.ts";

describe("the pin of an authority", () => {
  it("is read as it is shown, in whichever case", () => {
    const fingerprint = "ab".repeat(32);
    assert.equal(parsePin(showPin(fingerprint)), fingerprint);
    assert.equal(parsePin(`sha256:${"AB".repeat(32)}`), fingerprint);
  });

  it("is nothing else", () => {
    for (const text of ["", "ab".repeat(32), `sha256:${"ab".repeat(31)}`, `sha1:${"ab".repeat(20)}`, "sha256:xyz"]) {
      assert.throws(() => parsePin(text), { code: "usage" }, text);
    }
  });

  it("finds the authority in what a server sends, and never a certificate that is no authority's", async () => {
    const authority = await makeAuthority(new Date());
    const other = new X509Certificate((await makeAuthority(new Date())).certificate);
    const publicKey = await keyOfRequest((await makeKeyAndRequest()).request);
    const leaf = new X509Certificate(
      (await issue(authority, { kind: "controller", name: "c1" }, publicKey, dayMs, new Date())).certificate,
    );
    const pinned = new X509Certificate(authority.certificate);
    assert.equal(pinnedAmong([leaf, other, pinned], [fingerprintOf(pinned)]), pinned);
    assert.equal(pinnedAmong([leaf, other], [fingerprintOf(pinned)]), undefined);
    assert.equal(pinnedAmong([leaf, pinned], [fingerprintOf(leaf)]), undefined);
  });
});
