import assert from "node:assert/strict";
import { test } from "node:test";
import { inOrder, waitBefore } from "../../../agent/fleet/backoff.ts";

const almostOne = 1 - Number.EPSILON;
const longest = (failures: number, heartbeatMs = 0) =>
  waitBefore({ failures, retryAfterMs: 0, heartbeatMs }, almostOne);

test("the range doubles with each failure, up to a minute and a half, and a wait is anywhere in it", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 6, 7, 8, 1e9].map((failures) => longest(failures)),
    [999, 1999, 3999, 7999, 63_999, 89_999, 89_999, 89_999],
  );
  assert.equal(waitBefore({ failures: 9, retryAfterMs: 0, heartbeatMs: 0 }, 0), 0);
  assert.equal(waitBefore({ failures: 9, retryAfterMs: 0, heartbeatMs: 0 }, 0.5), 45_000);
});

test("machines of a large fleet, which are to be heard of seldom, are spread from the first attempt on", () => {
  assert.equal(longest(0, 30_000), 29_999);
  assert.equal(longest(0, 3_600_000), 89_999);
});

test("what the controller asks for comes on top, within an hour", () => {
  const wait = (retryAfterMs: number) => waitBefore({ failures: 0, retryAfterMs, heartbeatMs: 0 }, 0);
  assert.deepEqual(
    [5000, 3_600_001, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, Number.NaN, -5].map(wait),
    [5000, 3_600_000, 3_600_000, 0, 0, 0],
  );
});

test("ten thousand machines that lost their controller in one moment come back evenly", () => {
  const perSecond = new Map<number, number>();
  for (let machine = 0; machine < 10_000; machine += 1) {
    const ms = waitBefore({ failures: 0, retryAfterMs: 0, heartbeatMs: 30_000 }, machine / 10_000);
    perSecond.set(Math.floor(ms / 1000), (perSecond.get(Math.floor(ms / 1000)) ?? 0) + 1);
  }
  assert.equal(perSecond.size, 30);
  assert.ok([...perSecond.values()].every((count) => count < 340));
});

test("the address that answered last is tried first", () => {
  assert.deepEqual(inOrder(["a", "b", "c"], undefined), ["a", "b", "c"]);
  assert.deepEqual(inOrder(["a", "b", "c"], "b"), ["b", "a", "c"]);
  assert.deepEqual(inOrder(["a", "b"], "gone"), ["a", "b"]);
});
