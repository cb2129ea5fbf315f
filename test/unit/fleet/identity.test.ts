import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { identityIn, identityUri } from "../../../common/fleet/identity.ts";

describe("an identity in a certificate", () => {
  it("is read as it was written", () => {
    for (const identity of [
      { kind: "machine", name: "0f3a9c" },
      { kind: "operator", name: "alice.b-2" },
      { kind: "controller", name: "c1" },
    ] as const) {
      assert.deepEqual(identityIn(`URI:${identityUri(identity)}`), identity);
    }
  });

  it("is nobody's when anything else stands there", () => {
    for (const text of [
      undefined,
      "",
      "DNS:example.org",
      "URI:luksmith:root:alice",
      "URI:luksmith:machine:",
      "URI:luksmith:machine:a b",
      "URI:luksmith:machine:A",
      "URI:luksmith:machine:a, URI:luksmith:operator:alice",
      "DNS:x, URI:luksmith:machine:a",
      'URI:"luksmith:machine:a"',
      "URI:luksmith:machine:a\n",
      `URI:luksmith:machine:${"a".repeat(65)}`,
    ]) {
      assert.equal(identityIn(text), undefined, `${text}`);
    }
  });

  it("cannot carry a name that would be read as another", () => {
    assert.throws(() => identityUri({ kind: "machine", name: "a, URI:luksmith:operator:alice" }), RangeError);
    assert.throws(() => identityUri({ kind: "operator", name: "" }), RangeError);
  });
});
