import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSnapshotName, partialName, snapshotName } from "../../../agent/snapshots/name.ts";

test("a time's name, and back", () => {
  const time = new Date("2026-11-23T02:00:07.999Z");
  assert.equal(snapshotName(time), "2026-11-23T02-00-07Z");
  assert.deepEqual(parseSnapshotName("2026-11-23T02-00-07Z"), {
    name: "2026-11-23T02-00-07Z",
    time: new Date("2026-11-23T02:00:07Z"),
    partial: false,
  });
});

test("an unfinished one has the same name without its suffix", () => {
  assert.deepEqual(parseSnapshotName(partialName("2026-11-23T02-00-07Z")), {
    name: "2026-11-23T02-00-07Z",
    time: new Date("2026-11-23T02:00:07Z"),
    partial: true,
  });
});

test("names sort as their times do", () => {
  const times = ["1999-12-31T23:59:59Z", "2026-01-02T00:00:00Z", "2026-01-10T00:00:00Z", "2026-10-01T00:00:00Z"];
  const names = times.map((time) => snapshotName(new Date(time)));
  assert.deepEqual([...names].sort(), names);
});

const others = [
  "",
  "latest",
  ".partial",
  "..",
  "2026-11-23",
  "2026-11-23T02-00-00",
  "2026-11-23T02:00:00Z",
  "2026-11-23T02-00-00z",
  "2026-11-23T02-00-00Z\n",
  "\n2026-11-23T02-00-00Z",
  "2026-11-23T02-00-00Z.partial.partial",
  "2026-11-23T02-00-00Z.partialx",
  "2026-11-23T02-00-00Z/..",
  // no such times
  "2026-02-29T00-00-00Z",
  "2026-02-31T00-00-00Z",
  "2026-13-01T00-00-00Z",
  "2026-00-01T00-00-00Z",
  "2026-11-23T24-00-00Z",
  "2026-11-23T02-60-00Z",
  "2026-12-31T23-59-60Z",
  "+002026-11-23T02-00-00Z",
  "\u0662026-11-23T02-00-00Z",
];

for (const entry of others) {
  test(`no snapshot: ${JSON.stringify(entry)}`, () => {
    assert.equal(parseSnapshotName(entry), undefined);
  });
}

test("a leap day is a day", () => {
  assert.ok(parseSnapshotName("2028-02-29T00-00-00Z"));
});
