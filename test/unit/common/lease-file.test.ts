import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { judgeLease, parseLease, renderLease, renewalMs, trustMs, watchMs } from "../../../common/lease-file.ts";

const content = {
  format: 1,
  token: randomUUID(),
  machine: "web01",
  run: "0hw9bq1bms",
  leaseMs: 300_000,
  takenAt: "2026-11-23T02:00:00.000Z",
  expiresAt: "2026-11-23T02:05:00.000Z",
} as const;

test("what is written is read again, and always as long", () => {
  const text = renderLease(content);
  assert.equal(text.length, renderLease({ ...content, machine: "m", run: "r" }).length);
  assert.deepEqual(parseLease(text, 0), {
    id: content.token,
    token: content.token,
    owner: "web01 (run 0hw9bq1bms)",
    leaseMs: 300_000,
  });
});

const broken = [
  undefined,
  "",
  "garbage",
  "{}",
  "null",
  renderLease(content).slice(0, 100),
  renderLease(content).replace('"format":1', '"format":2'),
  renderLease(content).replace(content.token, "../../../etc/passwd"),
  renderLease(content).replace("300000", "99999999999"),
  renderLease(content).replace("300000", "0"),
];

for (const text of broken) {
  test(`no lease: ${JSON.stringify(text?.trim().slice(0, 60))}`, () => {
    const lease = parseLease(text, 1_763_870_400.5);
    assert.deepEqual([lease.token, lease.id, lease.leaseMs], [undefined, "unreadable-1763870400", 300_000]);
  });
}

test("whose it is says no more than a terminal may show", () => {
  const hostile = renderLease({ ...content, machine: "\u001b[2Jweb01", run: "r\nerror: x" });
  assert.doesNotMatch(parseLease(hostile, 0).owner, /[\p{Cc}]/u);
});

test("it is judged by the host's clock alone", () => {
  assert.deepEqual(judgeLease(1000, 1000, 300_000), { state: "valid", forMs: 300_000 });
  assert.deepEqual(judgeLease(1000, 1300, 300_000), { state: "valid", forMs: 0 });
  assert.deepEqual(judgeLease(1000, 1301, 300_000), { state: "expired", sinceMs: 1000 });
  assert.deepEqual(judgeLease(1000, 999, 300_000), { state: "valid", forMs: 301_000 });
  assert.deepEqual(judgeLease(1000, 900, 300_000), { state: "unclear" });
});

test("who lives is seen to live, and gives up before others may begin", () => {
  for (const leaseMs of [10_000, 300_000, 86_400_000]) {
    assert.ok(trustMs(leaseMs) < watchMs(leaseMs), "who has not renewed it while it was watched has given it up");
    assert.ok(trustMs(leaseMs) < leaseMs);
    assert.ok(renewalMs(leaseMs) < trustMs(leaseMs));
  }
});
