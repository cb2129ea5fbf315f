import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockIo } from "../../../agent/system/block-io.ts";
import { isWaiting } from "../../../agent/warm/warming.ts";

const io = (reads: number, readMs: number): BlockIo => ({ inFlight: 0, completed: reads, reads, readMs, readBytes: 0 });

test("what waits for one answer after another is told from what does not", () => {
  const before = io(100, 500);
  // 20 ms each, one at a time, nearly all of the time
  assert.equal(isWaiting(before, io(124, 980), 500), true);
  // many at a time are no reason against more
  assert.equal(isWaiting(before, io(200, 2500), 500), true);
  // as slow, but seldom
  assert.equal(isWaiting(before, io(110, 700), 500), false);
  // all of the time, of a disk that answers at once
  assert.equal(isWaiting(before, io(600, 980), 500), false);
  // a link so long that two come back in that time
  assert.equal(isWaiting(before, io(102, 900), 500), true);
  assert.equal(isWaiting(before, before, 500), false);
});
