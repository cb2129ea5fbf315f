import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Clock, systemClock } from "../../../../common/clock.ts";
import { FlowAllowance } from "../../../../controller/stream/flow-allowance.ts";

describe("what one machine may send", () => {
  it("is much at once, and then so much a minute", () => {
    let nowMs = 1000;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const allowance = new FlowAllowance(clock);
    assert.equal(allowance.takeEvents(50_000), 0);
    assert.equal(allowance.takeEvents(100), 1000);
    nowMs += 1000;
    assert.equal(allowance.takeEvents(1), 10);
    nowMs += 60_000;
    assert.equal(allowance.takeEvents(5000), 0);
    assert.equal(allowance.takeBytes(16 * 2 ** 20), 0);
    assert.ok(allowance.takeBytes(2 ** 20) > 9000);
  });
});
