import assert from "node:assert/strict";
import { test } from "node:test";
import { pastMoment } from "../../../cli/past-moment.ts";

const now = new Date("2026-11-23T12:00:00Z");

test("so long ago, or at that time", () => {
  const table: readonly (readonly [string, Date])[] = [
    ["2h", new Date("2026-11-23T10:00:00Z")],
    ["1d12h", new Date("2026-11-22T00:00:00Z")],
    ["2026-11-23T02:00:00Z", new Date("2026-11-23T02:00:00Z")],
    ["2026-11-23T02:00:00+01:00", new Date("2026-11-23T01:00:00Z")],
    // in this machine's time zone
    ["2026-11-23", new Date(2026, 10, 23)],
    ["2026-11-23 02:30", new Date(2026, 10, 23, 2, 30)],
  ];
  for (const [text, time] of table) assert.deepEqual(pastMoment(text).before(now), time, text);
});

test("what is no time is refused", () => {
  for (const text of ["", "now", "2", "2026", "2026-13-01", "2026-02-31", "2026-11-23T25:00", "2026-11-23T02:00Zx"]) {
    assert.throws(() => pastMoment(text), { code: "usage" }, text);
  }
});
