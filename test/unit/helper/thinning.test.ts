import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type KeepPolicy, keptCheckpoints } from "../../../helper/checkpoint/thinning.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = new Date("2026-11-26T12:00:00Z");
const nothing: KeepPolicy = { last: 0, daily: 0, weekly: 0, monthly: 0, minAgeMs: 0 };

function at(...times: string[]): Date[] {
  return times.map((time) => new Date(time));
}

function kept(times: readonly Date[], policy: Partial<KeepPolicy>, at = now): string[] {
  return [...keptCheckpoints(times, { ...nothing, ...policy }, at).keys()].map((time) => time.toISOString()).toSorted();
}

describe("thinning of checkpoints", () => {
  const times = at(
    "2026-11-24T01:00:00Z",
    "2026-11-24T23:00:00Z",
    "2026-11-25T00:00:00Z",
    "2026-11-26T01:00:00Z",
    "2026-11-26T02:00:00Z",
  );

  it("keeps the newest ones", () => {
    assert.deepEqual(kept(times, { last: 2 }), ["2026-11-26T01:00:00.000Z", "2026-11-26T02:00:00.000Z"]);
  });

  it("keeps the first of each day, of as many days as there are checkpoints of", () => {
    assert.deepEqual(kept(times, { daily: 2 }), ["2026-11-25T00:00:00.000Z", "2026-11-26T01:00:00.000Z"]);
    const withGap = [...times, ...at("2026-11-01T05:00:00Z")];
    assert.equal(kept(withGap, { daily: 4 })[0], "2026-11-01T05:00:00.000Z");
  });

  it("begins weeks on Monday, and months on the first, in UTC", () => {
    const around = at("2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026-12-01T00:00:00Z");
    const later = new Date("2026-12-02T00:00:00Z");
    assert.deepEqual(kept(around, { weekly: 2 }, later), ["2026-11-23T00:00:00.000Z", "2026-12-01T00:00:00.000Z"]);
    assert.deepEqual(kept(around, { monthly: 2 }, later), ["2026-11-22T23:59:59.000Z", "2026-12-01T00:00:00.000Z"]);
  });

  it("says why each one stays", () => {
    const [first] = at("2026-11-26T01:00:00Z");
    assert.ok(first);
    const reasons = keptCheckpoints([first], { last: 1, daily: 1, weekly: 1, monthly: 1, minAgeMs: dayMs }, now);
    assert.deepEqual(reasons.get(first), ["younger than the minimum age", "last", "daily", "weekly", "monthly"]);
  });

  it("keeps what is younger than the minimum age, whatever else there is", () => {
    assert.deepEqual(kept(times, { minAgeMs: 37 * hourMs }), [
      "2026-11-25T00:00:00.000Z",
      "2026-11-26T01:00:00.000Z",
      "2026-11-26T02:00:00.000Z",
    ]);
  });

  it("keeps what is dated in the future", () => {
    assert.deepEqual(kept(at("2031-01-01T00:00:00Z"), {}), ["2031-01-01T00:00:00.000Z"]);
  });

  it("gives no place to what is dated in the future", () => {
    const ahead = at("2031-01-01T00:00:00Z", "2031-01-02T00:00:00Z");
    const policy = { last: 1, daily: 1, weekly: 1, monthly: 1 };
    assert.deepEqual(kept([...times, ...ahead], policy).slice(0, -2), kept(times, policy));
  });

  it("loses none of what was kept to a flood of later ones, before the minimum age and by days, weeks and months", () => {
    const policy = { last: 3, daily: 7, weekly: 4, monthly: 6, minAgeMs: 7 * dayMs };
    const honest = Array.from({ length: 120 }, (_, index) => new Date(now.getTime() - (index + 1) * dayMs));
    const before = kept(honest, policy);
    const flood = Array.from({ length: 500 }, (_, index) => new Date(now.getTime() - 1000 * (index + 1)));
    const after = kept([...honest, ...flood], policy);
    // but for the oldest day, week and month, whose places a day more has taken, and the newest three
    const lost = before.filter((time) => !after.includes(time));
    assert.ok(lost.length <= 3, `lost ${lost.join(", ")}`);
    const week = honest.filter((time) => now.getTime() - time.getTime() < policy.minAgeMs);
    for (const time of week) assert.ok(after.includes(time.toISOString()), time.toISOString());
  });
});
