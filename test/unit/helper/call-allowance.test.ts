import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallAllowance } from "../../../helper/session/call-allowance.ts";

describe("the allowance of calls", () => {
  it("lets a minute's worth through at once, and the rest one by one", () => {
    const allowance = new CallAllowance(60, 1000);
    for (let call = 0; call < 60; call += 1) assert.equal(allowance.take(1000), 0);
    assert.equal(allowance.take(1000), 1000);
    assert.equal(allowance.take(1000), 2000, "behind the one that waits");
  });

  it("fills up again with the time, and not beyond a minute's worth", () => {
    const allowance = new CallAllowance(60, 0);
    for (let call = 0; call < 60; call += 1) allowance.take(0);
    assert.equal(allowance.take(2000), 0);
    assert.equal(allowance.take(2000), 0);
    assert.equal(allowance.take(2000), 1000);
    for (let call = 0; call < 60; call += 1) assert.equal(allowance.take(3_600_000), 0);
    assert.equal(allowance.take(3_600_000), 1000);
  });
});
