import assert from "node:assert/strict";
import { test } from "node:test";
import {
  adminDestination,
  byteSize,
  countUpTo,
  jobName,
  remoteName,
  runId,
  snapshotName,
  sshOption,
  volumeName,
} from "../../../cli/names.ts";

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

test("administrators and options of their ssh", () => {
  for (const text of ["root@vault.example.net", "alice@2001:db8::1", "vault"])
    assert.equal(adminDestination(text), text);
  for (const text of ["", "-oProxyCommand=id", "a b", "root@-x", "root@", "@vault", "a;id", "$(id)@x", "a\nb"]) {
    assert.throws(() => adminDestination(text), { code: "usage" }, text);
  }
  for (const text of ["Port=2222", "IdentityFile /root/my key"]) assert.equal(sshOption(text), text);
  for (const text of ["", "Port", "=x", "-v", "Port=2\nProxyCommand=id"])
    assert.throws(() => sshOption(text), { code: "usage" }, text);
  assert.equal(byteSize("500G"), 500 * 2 ** 30);
  for (const text of ["", "0", "-1", "many", "5X"]) assert.throws(() => byteSize(text), { code: "usage" }, text);
});
