import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { renderLease } from "../../../common/lease-file.ts";
import { checkClaim, type LeaseClaim } from "../../../helper/lease/lease-claim.ts";

const claim: LeaseClaim = {
  token: randomUUID(),
  machine: "web01",
  run: "0hw9bq1bms",
  leaseMs: 300_000,
  ownTokens: [randomUUID()],
};

describe("a claim of a lease", () => {
  it("is needed for what can be written to, and not for what cannot", () => {
    assert.deepEqual(checkClaim(claim, false), claim);
    assert.deepEqual(checkClaim(claim, true), claim);
    assert.equal(checkClaim(undefined, true), undefined);
    assert.throws(() => checkClaim(undefined, false), { code: "usage" });
  });

  it("fits into a lease's file whatever it says", () => {
    const widest = { ...claim, machine: "\u{10ffff}".repeat(0) + '"'.repeat(64), run: "\\".repeat(64) };
    const { token, machine, run, leaseMs } = checkClaim(widest, false) ?? claim;
    const at = new Date(0).toISOString();
    assert.equal(renderLease({ format: 1, token, machine, run, leaseMs, takenAt: at, expiresAt: at }).length, 1024);
  });

  const broken: [string, Partial<LeaseClaim>][] = [
    ["a token that is none", { token: "../../etc/passwd" }],
    ["no token", { token: "" }],
    ["a line break in the name", { machine: "web01\nerror: x" }],
    ["controls of a terminal", { run: "\u001b[2J" }],
    ["writing that is turned around", { machine: "\u202egpj" }],
    ["a name that is too long", { machine: "m".repeat(65) }],
    ["a lease of no time", { leaseMs: 0 }],
    ["a lease of years", { leaseMs: 1e12 }],
    ["a lease of no number", { leaseMs: Number.NaN }],
    ["own tokens that are none", { ownTokens: ["*"] }],
    ["too many own tokens", { ownTokens: Array.from({ length: 33 }, () => randomUUID()) }],
  ];
  for (const [what, change] of broken) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => checkClaim({ ...claim, ...change }, false), { code: "usage" });
    });
  }
});
