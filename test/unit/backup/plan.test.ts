import assert from "node:assert/strict";
import { test } from "node:test";
import { planBackup } from "../../../agent/backup/plan.ts";
import { parseSnapshotName } from "../../../agent/snapshots/name.ts";

const now = new Date("2026-11-25T02:00:00Z");

function plan(...names: string[]) {
  return planBackup(
    names.map((name) => {
      const entry = parseSnapshotName(name);
      assert.ok(entry, name);
      return entry;
    }),
    now,
  );
}

test("the first of all", () => {
  assert.deepEqual(plan(), { name: "2026-11-25T02-00-00Z", base: undefined, interrupted: [], stale: [] });
});

test("files are shared with the newest finished one", () => {
  assert.deepEqual(plan("2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z"), {
    name: "2026-11-25T02-00-00Z",
    base: "2026-11-22T02-00-00Z",
    interrupted: [],
    stale: [],
  });
});

test("the newest interrupted one is gone on with; older ones still give what files they have", () => {
  const names = ["2026-11-20T02-00-00Z.partial", "2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z.partial"];
  assert.deepEqual(plan(...names, "2026-11-23T02-00-00Z.partial"), {
    name: "2026-11-25T02-00-00Z",
    base: "2026-11-21T02-00-00Z",
    interrupted: ["2026-11-23T02-00-00Z", "2026-11-22T02-00-00Z", "2026-11-20T02-00-00Z"],
    stale: [],
  });
});

test("of very many interrupted ones the first, which had the most time, and the newest are used", () => {
  const days = Array.from({ length: 9 }, (_, index) => `2026-11-1${index}T02-00-00Z`);
  const { interrupted, stale } = plan(...days.map((day) => `${day}.partial`));
  assert.deepEqual(interrupted, [...days.slice(-3).toReversed(), ...days.slice(0, 1)]);
  assert.deepEqual(stale, days.slice(1, -3).toReversed());
});

test("an interrupted one of which nothing is known is not used", () => {
  const entries = ["2026-11-22T02-00-00Z.partial", "2026-11-23T02-00-00Z.partial"].flatMap(
    (name) => parseSnapshotName(name) ?? [],
  );
  const { interrupted, stale } = planBackup(entries, now, (name) => name.startsWith("2026-11-22"));
  assert.deepEqual(interrupted, ["2026-11-22T02-00-00Z"]);
  assert.deepEqual(stale, ["2026-11-23T02-00-00Z"]);
});

test("a clock that went back shares with the newest there is, and takes no name twice", () => {
  const { name, base } = plan("2026-11-25T02-00-00Z", "2027-01-01T00-00-00Z", "2026-11-25T02-00-01Z.partial");
  assert.equal(base, "2027-01-01T00-00-00Z");
  assert.equal(name, "2026-11-25T02-00-02Z");
});
