import assert from "node:assert/strict";
import { test } from "node:test";
import { SeenVersions } from "../../../agent/verify/seen-versions.ts";

test("each version is new once; a file that was changed has a new one", () => {
  const seen = new SeenVersions();
  assert.deepEqual([seen.add(257, 5.123456789), seen.add(258, 5.123456789), seen.add(257, 6)], [true, true, true]);
  assert.deepEqual([seen.add(258, 5.123456789), seen.add(257, 6)], [false, false]);
});

test("what is forgotten is new again, and never the other way round", () => {
  const seen = new SeenVersions();
  const far = 1 + 2 ** 22;
  assert.deepEqual([seen.add(1, 5), seen.add(far, 5), seen.add(1, 5), seen.add(1, 5)], [true, true, true, false]);
  assert.ok(seen.add(2 ** 52 + 1, 5));
});
