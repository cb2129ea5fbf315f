import assert from "node:assert/strict";
import { test } from "node:test";
import { idleTime } from "../../../agent/browse/browse.ts";
import { browsePath } from "../../../agent/browse/browses.ts";

test("an idle time is from a second to a day", () => {
  assert.equal(idleTime(0), 30 * 60_000);
  for (const ms of [1000, 300_000, 24 * 3_600_000]) assert.equal(idleTime(ms), ms);
  for (const ms of [1, 999, 24 * 3_600_000 + 1, Number.MAX_SAFE_INTEGER, Number.NaN]) {
    assert.throws(() => idleTime(ms), { code: "usage" }, `${ms}`);
  }
});

test("a place that is nobody else's, and that nobody can guess", () => {
  const paths = Array.from({ length: 100 }, () => browsePath("/run/luksmith", 1000, "home"));
  assert.equal(new Set(paths).size, 100);
  for (const path of paths) assert.match(path, /^\/run\/luksmith\/views\/1000-[0-9a-f]{16}\/home$/);
});
