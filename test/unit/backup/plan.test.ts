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
  assert.deepEqual(plan(), { name: "2026-11-25T02-00-00Z", base: undefined, resume: undefined, stale: [] });
});

test("files are shared with the newest finished one", () => {
  assert.deepEqual(plan("2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z"), {
    name: "2026-11-25T02-00-00Z",
    base: "2026-11-22T02-00-00Z",
    resume: undefined,
    stale: [],
  });
});

test("the newest interrupted one is gone on with, older ones are stale", () => {
  const names = ["2026-11-20T02-00-00Z.partial", "2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z.partial"];
  assert.deepEqual(plan(...names, "2026-11-23T02-00-00Z.partial"), {
    name: "2026-11-25T02-00-00Z",
    base: "2026-11-21T02-00-00Z",
    resume: "2026-11-23T02-00-00Z",
    stale: ["2026-11-20T02-00-00Z", "2026-11-22T02-00-00Z"],
  });
});

test("a clock that went back shares with the newest there is, and takes no name twice", () => {
  const { name, base } = plan("2026-11-25T02-00-00Z", "2027-01-01T00-00-00Z", "2026-11-25T02-00-01Z.partial");
  assert.equal(base, "2027-01-01T00-00-00Z");
  assert.equal(name, "2026-11-25T02-00-02Z");
});
