import assert from "node:assert/strict";
import { test } from "node:test";
import { missingBytes } from "../../../agent/backup/room.ts";

const mib = 2 ** 20;

test("what is left with some overhead, less what is free", () => {
  assert.equal(missingBytes(100 * mib, 0), 106 * mib);
  assert.equal(missingBytes(100 * mib, 6 * mib), 100 * mib);
});

test("never nothing: it was full, after all", () => {
  for (const [left, free] of [
    [0, 0],
    [0, 100 * mib],
    [100 * mib, 200 * mib],
  ] as const) {
    assert.equal(missingBytes(left, free), mib);
  }
});
