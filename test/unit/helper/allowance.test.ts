import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Allowance, earned, waitMs } from "../../../common/allowance.ts";
import { fileBytes, parseAllowance, renderAllowance } from "../../../helper/session/allowance.ts";

const rate = { perMinute: 60, atOnce: 60 };

function take(before: Allowance, nowMs: number, count = 1): Allowance {
  const now = earned(before, rate, nowMs);
  return { ...now, left: now.left - count };
}

describe("an allowance", () => {
  it("lets what there is through at once, and the rest one by one", () => {
    let now = take({ left: 60, sinceMs: 1000 }, 1000, 60);
    assert.equal(waitMs(now, rate), 0);
    now = take(now, 1000);
    assert.equal(waitMs(now, rate), 1000);
    now = take(now, 1000);
    assert.equal(waitMs(now, rate), 2000, "behind the one that waits");
  });

  it("fills up again with the time, and not beyond what there is at once", () => {
    let now = take({ left: 60, sinceMs: 0 }, 0, 60);
    now = take(now, 2000, 2);
    assert.equal(waitMs(now, rate), 0);
    now = take(now, 2000);
    assert.equal(waitMs(now, rate), 1000);
    assert.equal(earned(now, rate, 3_600_000).left, 60);
  });

  it("earns nothing from a time that lies ahead", () => {
    assert.deepEqual(earned({ left: 3, sinceMs: 9000 }, rate, 1000), { left: 3, sinceMs: 1000 });
  });

  it("is the same when it has stood in a file, which is always as long", () => {
    for (const allowance of [
      { left: -12.345, sinceMs: 123_456_789 },
      { left: 60, sinceMs: 0 },
    ]) {
      const text = renderAllowance(allowance);
      assert.equal(text.length, fileBytes);
      assert.deepEqual(parseAllowance(text, rate, 5), allowance);
    }
    for (const text of ["", "garbage\n", "1 2"]) {
      assert.deepEqual(parseAllowance(text, rate, 5), { left: 60, sinceMs: 5 }, JSON.stringify(text));
    }
  });
});
