import assert from "node:assert/strict";
import { test } from "node:test";
import { freeName, selectSnapshot } from "../../../agent/snapshots/select.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { entriesOf as entries, entriesAt } from "./entries-of.ts";

const snapshots = entries(
  "2026-11-21T02-00-00Z",
  "2026-11-22T02-00-00Z",
  "2026-11-22T14-30-00Z",
  "2026-11-24T02-00-00Z",
  "2026-11-25T02-00-00Z.partial",
);

const chosen: readonly (readonly [string, string])[] = [
  ["", "2026-11-24T02-00-00Z"],
  ["latest", "2026-11-24T02-00-00Z"],
  // names, whole or begun: the newest
  ["2026-11-21T02-00-00Z", "2026-11-21T02-00-00Z"],
  ["2026-11-22", "2026-11-22T14-30-00Z"],
  ["2026-11-22T02", "2026-11-22T02-00-00Z"],
  ["2026", "2026-11-24T02-00-00Z"],
  // a time: the newest that is not younger
  ["2026-11-22T14:30:00Z", "2026-11-22T14-30-00Z"],
  ["2026-11-22T14:29:59Z", "2026-11-22T02-00-00Z"],
  ["2026-11-22T14:29:59.999Z", "2026-11-22T02-00-00Z"],
  ["2026-11-22T02:00Z", "2026-11-22T02-00-00Z"],
  ["2026-11-22 02:00Z", "2026-11-22T02-00-00Z"],
  ["2026-11-22T16:30:00+02:00", "2026-11-22T14-30-00Z"],
  ["2026-11-22T16:29:00+0200", "2026-11-22T02-00-00Z"],
  ["2026-11-23T12:00:00Z", "2026-11-22T14-30-00Z"],
  ["2030-01-01T00:00:00Z", "2026-11-24T02-00-00Z"],
  // in the form of a name, though no snapshot has it
  ["2026-11-23T02-00-00Z", "2026-11-22T14-30-00Z"],
  // a day that no snapshot has: what there was at its end
  ["2026-11-27", "2026-11-24T02-00-00Z"],
];

for (const [wanted, expected] of chosen) {
  test(`${JSON.stringify(wanted)} is ${expected}`, () => {
    assert.equal(selectSnapshot(snapshots, "home", wanted).name, expected);
    assert.equal(selectSnapshot(snapshots.toReversed(), "home", wanted).name, expected);
  });
}

const none = [
  "2026-11-25T02-00-00Z.partial",
  "2026-11-20T00:00:00Z",
  "2020-01-01",
  "yesterday",
  "LATEST",
  "latest ",
  "..",
  "-1",
  "23.11.2026",
  "2026-11-23T12",
  // no such days
  "2026-11-31",
  "2027-02-29T00:00:00Z",
  "2027-02-30 12:00",
  "2026-13-01",
  "2026-11-23T25:00:00Z",
  "2026-11-23T12:00:00Z\n",
  "\n",
  "2".repeat(100_000),
];

for (const wanted of none) {
  test(`no snapshot is ${JSON.stringify(wanted.slice(0, 40))}`, () => {
    assert.throws(
      () => selectSnapshot(snapshots, "home", wanted),
      (error) =>
        error instanceof LuksmithError &&
        error.code === "not_found" &&
        !error.message.includes("\n") &&
        error.hint === "oldest 2026-11-21T02-00-00Z, newest 2026-11-24T02-00-00Z: luksmith snapshots home",
    );
  });
}

test("one dated in the future is the latest only if it was made last; by its name it is found all the same", () => {
  const [past, future] = ["2026-11-24T02-00-00Z", "2031-01-01T00-00-00Z"];
  const now = new Date("2026-11-25T00:00:00Z");
  const latest = (link: string) => selectSnapshot(entriesAt(now, link, past, future), "home", "").name;
  assert.equal(latest(past), past);
  assert.equal(latest(future), future);
  // of a link that is missing nothing is known but the clock
  assert.equal(latest(""), past);
  assert.equal(selectSnapshot(entriesAt(now, past, past, future), "home", "2031").name, future);
  // a clock that runs behind, and nothing else there
  assert.equal(selectSnapshot(entriesAt(new Date(0), "", past, future), "home", "").name, future);
  // two of one second get names of two
  const justAhead = entriesAt(new Date("2026-11-25T02:00:00Z"), "", "2026-11-25T02-00-00Z", "2026-11-25T02-00-01Z");
  assert.equal(selectSnapshot(justAhead, "home", "").name, "2026-11-25T02-00-01Z");
});

test("an unfinished one is no snapshot", () => {
  for (const wanted of ["", "latest", "2026"]) {
    assert.throws(() => selectSnapshot(entries("2026-11-25T02-00-00Z.partial"), "home", wanted), {
      code: "not_found",
      message: "job home has no finished snapshot",
    });
    assert.throws(() => selectSnapshot([], "home", wanted), { code: "not_found" });
  }
});

test("a free name is that of now, unless one has it: then the next second that none has", () => {
  const now = new Date("2026-11-25T02:00:00.700Z");
  assert.equal(freeName([], now), "2026-11-25T02-00-00Z");
  assert.equal(freeName(snapshots, now), "2026-11-25T02-00-01Z");
  const crowded = entries("2026-11-25T02-00-00Z", "2026-11-25T02-00-01Z.partial", "2026-11-25T02-00-03Z");
  assert.equal(freeName(crowded, now), "2026-11-25T02-00-02Z");
  const newYear = new Date("2026-12-31T23:59:59Z");
  assert.equal(freeName(entries("2026-12-31T23-59-59Z"), newYear), "2027-01-01T00-00-00Z");
});
