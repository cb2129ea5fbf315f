import assert from "node:assert/strict";
import { test } from "node:test";
import { StallMeter } from "../../../agent/stack/stall-meter.ts";

test("time counts only while something is waited for and nothing comes back", () => {
  const meter = new StallMeter();
  const looks: [pending: boolean, progress: string, nowMs: number, stalledMs: number][] = [
    [false, "a", 0, 0],
    [false, "a", 1000, 0],
    [true, "a", 2000, 1000],
    [true, "a", 3500, 2500],
    // an answer
    [true, "b", 4000, 0],
    [true, "b", 9000, 5000],
    // all is answered, and something else is asked
    [false, "b", 9500, 0],
    [true, "b", 10_000, 500],
  ];
  for (const [pending, progress, nowMs, stalledMs] of looks) {
    assert.equal(meter.observe({ pending, progress }, nowMs), stalledMs, `at ${nowMs} ms`);
  }
});

test("what is waited for from the first look on counts from then", () => {
  const meter = new StallMeter();
  assert.equal(meter.observe({ pending: true, progress: "a" }, 500), 0);
  assert.equal(meter.observe({ pending: true, progress: "a" }, 700), 200);
});
