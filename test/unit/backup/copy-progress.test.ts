import assert from "node:assert/strict";
import { test } from "node:test";
import { impliedTotal } from "../../../agent/backup/copy-progress.ts";

const progress = { bytesDone: 420, percent: 42, filesDone: 1, filesTotal: 2, totalKnown: true };

test("the total that bytes and a percentage imply", () => {
  assert.equal(impliedTotal(progress), 1000);
  assert.equal(impliedTotal({ ...progress, bytesDone: 1000, percent: 100 }), 1000);
  assert.equal(impliedTotal({ ...progress, bytesDone: 50, percent: 5 }), 1000);
});

test("no total while files are still found, nor from a coarse percentage", () => {
  assert.equal(impliedTotal({ ...progress, totalKnown: false }), undefined);
  for (const percent of [0, 1, 4]) assert.equal(impliedTotal({ ...progress, percent }), undefined);
});
