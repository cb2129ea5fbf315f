import assert from "node:assert/strict";
import { test } from "node:test";
import { attemptsBefore, neverAgain, waitAfter } from "../../../agent/runs/retry.ts";
import { LuksmithError } from "../../../common/errors.ts";

const policy = { attempts: 5, firstWaitMs: 1000, longestWaitMs: 6000 };
const lost = new LuksmithError("lost", "the connection is lost");

test("waits double up to the longest, and chance takes any part of them", () => {
  const longest = [1, 2, 3, 4].map((attempt) => waitAfter(lost, attempt, policy, 0.999_999));
  assert.deepEqual(longest, [1000, 2000, 4000, 6000]);
  assert.equal(waitAfter(lost, 3, policy, 0.5), 2000);
  assert.equal(waitAfter(lost, 3, policy, 0), 0);
});

test("the last attempt is the last", () => {
  assert.equal(waitAfter(lost, 5, policy, 0.5), undefined);
  assert.equal(waitAfter(lost, 6, policy, 0.5), undefined);
  assert.equal(waitAfter(lost, 1, neverAgain, 0.5), undefined);
});

for (const code of ["wrong_key", "tampered", "full", "config", "refused", "locked", "cancelled", "deadline"] as const) {
  test(`${code} is not tried again`, () => {
    assert.equal(waitAfter(new LuksmithError(code, "no"), 1, policy, 0.5), undefined);
  });
}

test("nor is a fault of our own", () => {
  assert.equal(waitAfter(new TypeError("oh"), 1, policy, 0.5), undefined);
});

test("an attempt that lasted begins the count anew", () => {
  assert.equal(attemptsBefore(4, 3_599_999), 4);
  assert.equal(attemptsBefore(4, 3_600_000), 1);
});
