import assert from "node:assert/strict";
import { test } from "node:test";
import { inOrder, waitBefore } from "../../../agent/fleet/backoff.ts";

const almostOne = 1 - Number.EPSILON;
const longest = (failures: number, spreadMs = 0) => waitBefore({ failures, retryAfterMs: 0, spreadMs }, almostOne);

test("the range doubles with each failure but the first few, up to a minute and a half, and a wait is anywhere in it", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 8, 9, 10, 1e9].map((failures) => longest(failures)),
    [999, 999, 999, 1999, 3999, 63_999, 89_999, 89_999, 89_999],
  );
  assert.equal(waitBefore({ failures: 9, retryAfterMs: 0, spreadMs: 0 }, 0), 0);
  assert.equal(waitBefore({ failures: 9, retryAfterMs: 0, spreadMs: 0 }, 0.5), 45_000);
});

test("machines are spread from the first attempt on as their controller has told them", () => {
  assert.equal(longest(0, 40_000), 39_999);
  assert.equal(longest(0, 3_600_000), 89_999);
});

test("what the controller asks for comes on top, within an hour", () => {
  const wait = (retryAfterMs: number) => waitBefore({ failures: 0, retryAfterMs, spreadMs: 0 }, 0);
  assert.deepEqual(
    [5000, 3_600_001, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, Number.NaN, -5].map(wait),
    [5000, 3_600_000, 3_600_000, 0, 0, 0],
  );
});

test("ten thousand machines that lost their controller in one moment come back evenly", () => {
  const perSecond = new Map<number, number>();
  for (let machine = 0; machine < 10_000; machine += 1) {
    const ms = waitBefore({ failures: 0, retryAfterMs: 0, spreadMs: 40_000 }, machine / 10_000);
    perSecond.set(Math.floor(ms / 1000), (perSecond.get(Math.floor(ms / 1000)) ?? 0) + 1);
  }
  assert.equal(perSecond.size, 40);
  assert.ok([...perSecond.values()].every((count) => count <= 250));
});

test("the machines of a small fleet are back within seconds of a controller that is started anew", () => {
  // the worst of luck each time, and a controller that is away for the first three seconds
  let ms = 0;
  for (let failures = 0; ms < 3000; failures += 1) {
    ms += waitBefore({ failures, retryAfterMs: 0, spreadMs: 2000 }, almostOne);
  }
  assert.ok(ms < 3000 + 2000, `${ms}`);
});

test("the address that answered last is tried first", () => {
  assert.deepEqual(inOrder(["a", "b", "c"], undefined), ["a", "b", "c"]);
  assert.deepEqual(inOrder(["a", "b", "c"], "b"), ["b", "a", "c"]);
  assert.deepEqual(inOrder(["a", "b"], "gone"), ["a", "b"]);
});
