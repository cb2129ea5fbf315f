import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuditEntry, auditLine, parseAuditLine } from "../../../agent/audit/entry.ts";

const entry: AuditEntry = {
  time: new Date("2026-11-23T02:00:00.123Z"),
  decision: "refused",
  id: "0123456789ab",
  uid: 1000,
  user: "alice",
  pid: 4711,
  verb: "backup",
  volume: "home",
  job: "docs",
  run: "",
  sources: [],
  reason: "no rule",
};

test("a line is read as it was written", () => {
  assert.deepEqual(parseAuditLine(auditLine(entry)), entry);
  const unknown = { ...entry, uid: null, pid: null, user: "" };
  assert.deepEqual(parseAuditLine(auditLine(unknown)), unknown);
});

test("what a client sends neither breaks the line nor makes it long, and does nothing to a terminal", () => {
  const nasty = '\n\r\u2028\u0085"}\u001b[2J\u202e\u009b31m\ud800';
  for (const field of ["user", "volume", "job", "run", "reason"] as const) {
    for (const value of [nasty, nasty.repeat(100_000), "x".repeat(1_000_000)]) {
      const line = auditLine({ ...entry, [field]: value });
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u, field);
      assert.ok(line.length < 8000, `${field}: ${line.length}`);
      assert.ok(parseAuditLine(line), field);
    }
  }
});

test("what is no line of ours is none", () => {
  const whole = auditLine(entry);
  for (const line of ["", "{}", "null", "[]", whole.slice(0, -1), `${whole}${whole}`, "\0\0\0", '{"time":1}']) {
    assert.equal(parseAuditLine(line), undefined, line);
  }
});
