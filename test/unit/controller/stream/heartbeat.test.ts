import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { heartbeatEveryMs, isOtherInterval, isSilent, retryAfterMs } from "../../../../controller/stream/heartbeat.ts";

describe("heartbeats", () => {
  it("cost a few hundred messages a second, however many machines there are", () => {
    for (const machines of [0, 1, 300, 3000, 10_000, 30_000, 90_000]) {
      assert.ok((machines / heartbeatEveryMs(machines)) * 1000 <= 300, `${machines}`);
    }
    assert.equal(heartbeatEveryMs(1), 10_000);
    assert.equal(heartbeatEveryMs(10_000), 33_334);
    assert.equal(heartbeatEveryMs(10_000_000), 300_000);
  });

  it("get another interval when the fleet has become another one", () => {
    assert.equal(isOtherInterval(10_000, 12_000), false);
    assert.equal(isOtherInterval(10_000, 13_000), true);
    assert.equal(isOtherInterval(33_000, 30_000), false);
    assert.equal(isOtherInterval(33_000, 10_000), true);
  });

  it("are missed three times before a machine is silent", () => {
    assert.equal(isSilent(1000, 10_000, 31_000), false);
    assert.equal(isSilent(1000, 10_000, 31_001), true);
  });

  it("come back spread over time after a stop", () => {
    assert.equal(retryAfterMs(10_000, 1), 40_000);
    assert.equal(retryAfterMs(10_000, 0), 0);
    assert.equal(retryAfterMs(10, 0.5), 1000);
  });
});
