import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renewalTime } from "../../../common/fleet/renewal.ts";

describe("when a certificate is renewed", () => {
  const life = { notBefore: new Date("2026-11-01T00:00:00Z"), notAfter: new Date("2026-12-01T00:00:00Z") };

  it("is at two thirds of its life, and a day later at the most", () => {
    assert.equal(renewalTime(life, 0).toISOString(), "2026-11-21T00:00:00.000Z");
    assert.equal(renewalTime(life, 1).toISOString(), "2026-11-22T00:00:00.000Z");
    assert.equal(renewalTime(life, 0.5).toISOString(), "2026-11-21T12:00:00.000Z");
  });
});
