import assert from "node:assert/strict";
import { test } from "node:test";
import { pastBackup } from "../../../agent/recall/past-backup.ts";
import { nextRunId } from "../../../agent/runs/run-id.ts";
import type { SnapshotEntry } from "../../../agent/snapshots/entries.ts";
import type { SnapshotRecord } from "../../../agent/snapshots/record.ts";
import { RunEvent, RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { entriesOf } from "../snapshots/entries-of.ts";

const startedAt = new Date("2026-11-23T01:59:58.300Z");
const of = { volume: "home", job: "docs", now: new Date("2026-11-24T00:00:00Z") };
const entry = (name: string): SnapshotEntry => {
  const [only] = entriesOf(name);
  assert.ok(only);
  return only;
};
const snapshot = entry("2026-11-23T02-00-00Z");
const record: SnapshotRecord = {
  ...{ snapshot: snapshot.name, run: nextRunId(undefined, startedAt, 17), sources: ["/home"] },
  ...{ files: 3, bytes: 4096, bytesCopied: 10, warnings: 0, incomplete: false },
};

test("the run is told as far as it is known", () => {
  const past = pastBackup(of, snapshot, record);
  assert.ok(past);
  const { run, events } = past;
  assert.equal(run.id, record.run);
  assert.deepEqual(
    [run.verb, run.volume, run.job, run.snapshot, run.state],
    [Verb.BACKUP, "home", "docs", snapshot.name, RunState.DONE],
  );
  assert.deepEqual(run.startedAt, startedAt);
  assert.deepEqual(run.finishedAt, snapshot.time);
  assert.deepEqual([run.totals?.files, run.totals?.bytes, run.totals?.bytesCopied], [3, 4096, 10]);
  assert.equal(run.error, undefined);
  const kinds = events.map(({ bytes }) => RunEvent.decode(bytes).kind?.$case);
  assert.deepEqual(kinds, ["started", "note", "ended"]);
});

test("one that left files out says so", () => {
  const past = pastBackup(of, snapshot, { ...record, incomplete: true, warnings: 2 });
  assert.equal(past?.run.state, RunState.INCOMPLETE);
  assert.equal(past?.run.error?.message, "2 files could not be read");
  assert.equal(past?.run.totals?.warnings, 2);
});

test("it never ends before it begins", () => {
  const past = pastBackup(of, entry("2026-11-22T00-00-00Z"), record);
  assert.deepEqual(past?.run.finishedAt, startedAt);
});

const unknown: readonly (readonly [string, SnapshotEntry, SnapshotRecord | undefined])[] = [
  ["is unfinished", entry("2026-11-23T02-00-00Z.partial"), record],
  ["has no record", snapshot, undefined],
  ["names no run", snapshot, { ...record, run: "../../etc" }],
  ["is of a run in a distant future", snapshot, { ...record, run: nextRunId(undefined, new Date("2060-01-01"), 0) }],
];
for (const [what, entry_, record_] of unknown) {
  test(`a snapshot that ${what} tells of no run`, () => {
    assert.equal(pastBackup(of, entry_, record_), undefined);
  });
}
