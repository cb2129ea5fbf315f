import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nameByToken } from "../../../controller/enrol/machine-name.ts";
import { hashOfSecret, newToken, parseToken, tokenFault } from "../../../controller/enrol/token.ts";

describe("a token", () => {
  it("is read as it was made, and each is another", () => {
    const { id, secret, text } = newToken();
    assert.deepEqual(parseToken(text), { id, secret });
    assert.ok(Buffer.from(secret, "hex").length * 8 >= 160);
    assert.notEqual(newToken().secret, secret);
    for (const other of ["", "lsm_", text.toUpperCase(), ` ${text}`, `${text}\n`, text.slice(0, -1), `${text}0`]) {
      assert.equal(parseToken(other), undefined);
    }
  });

  it("says what is wrong with it to those who know its secret", () => {
    const { id, secret } = newToken();
    const state = { hash: hashOfSecret(secret), expiresMs: 1000, usesLeft: 1, revokedMs: null };
    const parts = { id, secret };
    assert.equal(tokenFault(parts, state, 999), undefined);
    assert.equal(tokenFault(parts, state, 1000), "expired");
    assert.equal(tokenFault(parts, { ...state, usesLeft: 0 }, 0), "used up");
    assert.equal(tokenFault(parts, { ...state, revokedMs: 5 }, 0), "revoked");
    assert.equal(tokenFault(parts, undefined, 0), "unknown");
    assert.equal(tokenFault(undefined, state, 0), "malformed");
    const others = { id, secret: newToken().secret };
    assert.equal(tokenFault(others, { ...state, revokedMs: 5, usesLeft: 0 }, 5000), "forged");
    assert.equal(tokenFault(parts, { ...state, hash: new Uint8Array() }, 0), "forged");
  });
});

describe("the name that a machine has by its token", () => {
  for (const [name, namePattern, hostname, expected] of [
    ["web1", "", "anything", "web1"],
    ["", "", "web1", undefined],
    ["", "web-*", "web-1", "web-1"],
    ["", "web-*", "WEB-1", "web-1"],
    ["", "web-*", "db-1", undefined],
    ["", "web-*", "web", undefined],
    ["", "*", "any.example.net", "any.example.net"],
    ["", "*-db-*", "eu-db-1", "eu-db-1"],
    ["", "*-db-*", "eu-db", undefined],
    ["", "a*a", "a", undefined],
    ["", "a*b*a", "aba", "aba"],
    ["", "a*b*a", "abba", "abba"],
    ["", "a*bc*a", "abxca", undefined],
    ["", "web1", "web1", "web1"],
    ["", "web1", "web11", undefined],
    ["", "*", "a b", undefined],
    ["", "*", "", undefined],
    ["", "*", "a\u0000b", undefined],
    ["", "*", "-a", undefined],
    ["", "*", "a".repeat(64), undefined],
  ] as const) {
    it(`is ${expected ?? "none"} for ${JSON.stringify(hostname.slice(0, 12))}, by ${name || namePattern || "nothing"}`, () => {
      assert.equal(nameByToken({ name, namePattern }, hostname), expected);
    });
  }
});
