import assert from "node:assert/strict";
import { test } from "node:test";
import { hasRoom } from "../../../agent/tools/sort.ts";

const [mebi, gibi] = [2 ** 20, 2 ** 30];

test("names are sorted on a disk while something is left on it for everything else", () => {
  assert.ok(hasRoom({ freeBytes: 256 * mebi, sizeBytes: 100 * gibi }));
  assert.ok(!hasRoom({ freeBytes: 256 * mebi - 1, sizeBytes: 100 * gibi }));
  assert.ok(hasRoom({ freeBytes: 20 * mebi, sizeBytes: 200 * mebi }));
  assert.ok(!hasRoom({ freeBytes: 19 * mebi, sizeBytes: 200 * mebi }));
});
