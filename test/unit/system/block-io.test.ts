import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBlockStat } from "../../../agent/system/block-io.ts";

test("a line of /sys/block/DEVICE/stat", () => {
  const line =
    "     110        3     8896       60       24        2     1256       40        5       92      104        7        0       64        1       11        9\n";
  assert.deepEqual(parseBlockStat(line), {
    inFlight: 5,
    completed: 110 + 24 + 7 + 11,
    reads: 110,
    readMs: 60,
    readBytes: 8896 * 512,
  });
});

test("of a kernel that counts neither discards nor flushes", () => {
  assert.deepEqual(parseBlockStat("1 0 8 0 2 0 8 0 3 0 0"), {
    inFlight: 3,
    completed: 3,
    reads: 1,
    readMs: 0,
    readBytes: 8 * 512,
  });
});
