import assert from "node:assert/strict";
import { test } from "node:test";
import { nextRunId, parseRunIdPrefix, runIdRandomRange } from "../../../agent/runs/run-id.ts";
import { LuksmithError } from "../../../common/errors.ts";

const noon = new Date("2026-11-23T12:00:00Z");

test("an id is ten characters that nobody misreads", () => {
  for (const random of [0, 1, 12345, runIdRandomRange - 1]) {
    assert.match(nextRunId(undefined, noon, random), /^[0-9abcdefghjkmnpqrstvwxyz]{10}$/);
  }
});

test("ids are what they always were, since the history is sorted by them", () => {
  assert.equal(nextRunId(undefined, new Date("2025-01-01T00:00:00Z"), 0), "0000000000");
  assert.equal(nextRunId(undefined, new Date("2025-01-01T00:00:00.100Z"), 33), "0000001011");
});

test("ids sort as text by time, down to a tenth of a second, over a century", () => {
  const times = [0, 100, 200, 3_600_000, 86_400_000, 365 * 86_400_000, 50 * 365 * 86_400_000, 100 * 365 * 86_400_000];
  const ids = times.map((ms, n) => nextRunId(undefined, new Date(noon.getTime() + ms), (n * 9973) % runIdRandomRange));
  assert.deepEqual(ids, ids.toSorted());
  assert.equal(new Set(ids).size, ids.length);
});

test("an id is greater than its predecessor, within one instant and when the clock goes back", () => {
  let previous = nextRunId(undefined, noon, runIdRandomRange - 1);
  for (const time of [noon, noon, new Date(noon.getTime() - 86_400_000), new Date("2001-01-01T00:00:00Z"), noon]) {
    const id = nextRunId(previous, time, 0);
    assert.ok(id > previous, `${id} after ${previous}`);
    previous = id;
  }
});

test("a prefix may be typed in capitals and with look-alikes, and nothing else is one", () => {
  assert.equal(parseRunIdPrefix("3K9"), "3k9");
  assert.equal(parseRunIdPrefix("oIl"), "011");
  for (const text of ["", "-", "u", "3k9/..", "3k9*", " 3k9", "0123456789a", "\u001b[2J", "é"]) {
    assert.throws(
      () => parseRunIdPrefix(text),
      (error) => error instanceof LuksmithError && error.code === "usage" && !error.message.includes("\u001b"),
      JSON.stringify(text),
    );
  }
});
