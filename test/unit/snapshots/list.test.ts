import assert from "node:assert/strict";
import { test } from "node:test";
import { describeSnapshots } from "../../../agent/snapshots/list.ts";
import type { SnapshotRecord } from "../../../agent/snapshots/record.ts";
import { Snapshot } from "../../../proto/gen/luksmith/v1/types.ts";

const entry = (name: string, partial = false) => ({
  name,
  time: new Date(`${name.slice(0, 11)}${name.slice(11).replaceAll("-", ":")}`),
  partial,
  misdated: false,
});
const first = entry("2026-11-21T02-00-00Z");
const second = entry("2026-11-22T02-00-00Z");
const unfinished = entry("2026-11-23T02-00-00Z", true);

const record = (snapshot: string): SnapshotRecord => ({
  ...{ snapshot, run: "r1", files: 3, bytes: 4096, bytesCopied: 10, warnings: 2 },
  ...{ incomplete: true, sources: ["/home"] },
});

test("each with what is recorded of it; one without a record is listed all the same", () => {
  const [a, b] = describeSnapshots("home", [first, second], new Map([[first.name, record(first.name)]]));
  assert.deepEqual(
    a,
    Snapshot.create({
      ...{ job: "home", name: first.name, time: first.time, partial: false, latest: false, incomplete: true },
      ...{ files: 3, bytes: 4096, bytesCopied: 10, warnings: 2, runId: "r1" },
    }),
  );
  assert.deepEqual(
    b,
    Snapshot.create({ job: "home", name: second.name, time: second.time, partial: false, latest: true }),
  );
});

test("the latest is the newest finished one", () => {
  const latest = (entries: Parameters<typeof describeSnapshots>[1]) =>
    describeSnapshots("home", entries, new Map())
      .filter((snapshot) => snapshot.latest)
      .map((snapshot) => snapshot.name);
  assert.deepEqual(latest([first, second, unfinished]), [second.name]);
  assert.deepEqual(latest([unfinished]), []);
  assert.deepEqual(latest([]), []);
  // an unfinished one of the same time as a finished one
  assert.deepEqual(latest([first, { ...first, partial: true }]), [first.name]);
});

test("a record is of the finished one, never of an unfinished one of that name", () => {
  const [snapshot] = describeSnapshots("home", [unfinished], new Map([[unfinished.name, record(unfinished.name)]]));
  assert.equal(snapshot?.partial, true);
  assert.equal(snapshot?.files, 0);
  assert.equal(snapshot?.runId, "");
});

test("what is described can be sent", () => {
  const [snapshot] = describeSnapshots("home", [first], new Map([[first.name, record(first.name)]]));
  assert.ok(snapshot);
  assert.deepEqual(Snapshot.decode(Snapshot.encode(snapshot).finish()), snapshot);
});
