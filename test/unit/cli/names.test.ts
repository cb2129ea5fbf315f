import assert from "node:assert/strict";
import { test } from "node:test";
import { countUpTo, jobName, remoteName, runId, snapshotName, volumeName } from "../../../cli/names.ts";

test("names of jobs, volumes and remotes follow one rule", () => {
  for (const check of [jobName, volumeName, remoteName]) {
    assert.equal(check("web-01_home"), "web-01_home");
    for (const text of ["", "-x", "..", "a/b", "a:b", "a\nb", "A", "é", "a".repeat(33)]) {
      assert.throws(() => check(text), { code: "usage" }, text);
    }
  }
});

test("an error shows what was typed without doing what it says to the terminal", () => {
  assert.throws(() => jobName("\x1b[31mx\n"), { message: '"\\u{1b}[31mx\\u{a}" is not the name of a job' });
  assert.throws(
    () => jobName("x".repeat(5000)),
    (error: Error) => error.message.length < 200,
  );
});

test("run ids", () => {
  for (const text of ["7f3a", "last", "01JD9Z-x_y"]) assert.equal(runId(text), text);
  for (const text of ["", "-f", "a b", "a/b", "*"]) assert.throws(() => runId(text), { code: "usage" });
});

test("snapshot names", () => {
  assert.equal(snapshotName("2026-11-23T02-00-00Z"), "2026-11-23T02-00-00Z");
  for (const text of ["", ".", "..", "-1", "a/b"]) assert.throws(() => snapshotName(text), { code: "usage" });
});

test("counts", () => {
  const count = countUpTo(200);
  assert.equal(count("1"), 1);
  assert.equal(count("200"), 200);
  for (const text of ["0", "201", "-1", "1e2", "0x10", "", "x", "1.5", "99999999999999999999"]) {
    assert.throws(() => count(text), { code: "usage" }, text);
  }
});
