import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isOtherPace, isSilent, paceOf, retryAfterMs } from "../../../../controller/stream/heartbeat.ts";

describe("heartbeats", () => {
  it("cost a few hundred messages a second, however many machines there are", () => {
    for (const machines of [0, 1, 300, 3000, 10_000, 30_000, 90_000]) {
      assert.ok((machines / paceOf(machines).intervalMs) * 1000 <= 300, `${machines}`);
    }
    assert.equal(paceOf(1).intervalMs, 10_000);
    assert.equal(paceOf(10_000).intervalMs, 33_334);
    assert.equal(paceOf(10_000_000).intervalMs, 300_000);
  });

  const every = (intervalMs: number) => ({ intervalMs, spreadMs: 2000 });

  it("get another interval when the fleet has become another one", () => {
    assert.equal(isOtherPace(every(10_000), every(12_000)), false);
    assert.equal(isOtherPace(every(10_000), every(13_000)), true);
    assert.equal(isOtherPace(every(33_000), every(30_000)), false);
    assert.equal(isOtherPace(every(33_000), every(10_000)), true);
    // a fleet that is heard of as often as before, and is larger
    assert.equal(isOtherPace(paceOf(500), paceOf(2000)), true);
  });

  it("are missed three times before a machine is silent", () => {
    assert.equal(isSilent(1000, 10_000, 31_000), false);
    assert.equal(isSilent(1000, 10_000, 31_001), true);
  });

  it("come back spread over time, as many in a second as a controller takes, and the few at once", () => {
    assert.equal(paceOf(0).spreadMs, 2000);
    assert.equal(paceOf(500).spreadMs, 2000);
    for (const machines of [1000, 10_000, 30_000]) assert.equal((machines / paceOf(machines).spreadMs) * 1000, 250);
    assert.equal(retryAfterMs(10_000, 1), 40_000);
    assert.equal(retryAfterMs(10_000, 0), 0);
    assert.equal(retryAfterMs(10, 0.5), 1000);
  });
});
