import assert from "node:assert/strict";
import { test } from "node:test";
import { pingUrl, planPing } from "../../../../controller/alerts/ping.ts";
import { nextTry } from "../../../../controller/alerts/postman.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";

const url = "https://hc.example.net/key/web1-home?x=1";
const run = (state: RunState) => ({ machineId: "m", runId: "r", schedule: "nightly", state });
const urlOf = (state: RunState, to = url) => JSON.parse(planPing(run(state), to, 1000).add.payload).url;

test("machine and job stand in the address, and nothing else of them does", () => {
  assert.equal(pingUrl("https://hc/k/{machine}-{job}", "web1", "home"), "https://hc/k/web1-home");
  assert.equal(pingUrl("https://hc/k/{machine}", "../../x?y#z", "home"), "https://hc/k/..%2F..%2Fx%3Fy%23z");
  assert.equal(pingUrl("https://hc/k/{machine}", "{job}", "home"), "https://hc/k/%7Bjob%7D");
});

test("start, done, fail", () => {
  assert.equal(urlOf(RunState.RUNNING), "https://hc.example.net/key/web1-home/start?x=1");
  assert.equal(urlOf(RunState.RUNNING, "https://hc.example.net/key/"), "https://hc.example.net/key/start");
  for (const good of [RunState.DONE, RunState.INCOMPLETE, RunState.SKIPPED]) assert.equal(urlOf(good), url);
  for (const bad of [RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED, RunState.UNRECOGNIZED])
    assert.equal(urlOf(bad), "https://hc.example.net/key/web1-home/fail?x=1");
});

test("the end takes back a beginning that has not left, and each has one id", () => {
  const [start, end] = [planPing(run(RunState.RUNNING), url, 1), planPing(run(RunState.DONE), url, 2)];
  assert.ok(end.withdraw.includes(start.add.id));
  assert.notEqual(start.add.id, end.add.id);
  assert.equal(planPing(run(RunState.INCOMPLETE), url, 99).add.id, end.add.id);
  assert.notEqual(planPing({ ...run(RunState.DONE), machineId: "n" }, url, 2).add.id, end.add.id);
});

test("one that was taken for lost is told of again when it was good", () => {
  const [given, good] = [planPing(run(RunState.INTERRUPTED), url, 1), planPing(run(RunState.DONE), url, 2)];
  assert.notEqual(given.add.id, good.add.id);
  assert.ok(good.withdraw.includes(given.add.id));
  assert.ok(!given.withdraw.includes(good.add.id));
});

test("tried again, ever more rarely, for a day; a beginning not at all", () => {
  const { add } = planPing(run(RunState.DONE), url, 0);
  let nowMs = 0;
  let attempts = 0;
  const waits: number[] = [];
  for (;;) {
    attempts += 1;
    const next = nextTry({ ...add, attempts }, nowMs, 1);
    if (next === undefined) break;
    waits.push((next - nowMs) / 1000);
    nowMs = next;
  }
  assert.deepEqual(waits.slice(0, 8), [30, 60, 120, 240, 480, 960, 1920, 3600]);
  assert.ok(nowMs > 22 * 3_600_000 && nowMs <= 24 * 3_600_000);
  const start = planPing(run(RunState.RUNNING), url, 0).add;
  assert.equal(nextTry({ ...start, attempts: 1 }, 0, 1), undefined);
  assert.equal(nextTry({ ...add, attempts: 1 }, 0, 0), 15_000);
});
