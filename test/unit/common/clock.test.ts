import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { systemClock } from "../../../common/clock.ts";

test("monotonic time does not go back, and passes while one sleeps", async () => {
  const before = systemClock.monotonicMs();
  await systemClock.sleep(5);
  // timers of Node's may fire up to a millisecond early
  assert.ok(systemClock.monotonicMs() - before >= 4);
});

test("now is now", () => {
  const before = Date.now();
  const now = systemClock.now().getTime();
  assert.ok(now >= before && now <= Date.now());
});

const longMs = 3_600_000;

test("a sleep ends with its signal, for that signal's reason", async () => {
  const controller = new AbortController();
  const reason = new RangeError("enough");
  const sleep = systemClock.sleep(longMs, controller.signal);
  controller.abort(reason);
  await assert.rejects(sleep, (error) => error === reason);
});

test("with a signal that is aborted already, none begins", async () => {
  const reason = new RangeError("enough");
  await assert.rejects(systemClock.sleep(longMs, AbortSignal.abort(reason)), (error) => error === reason);
});

test("a sleep that is over leaves nothing at its signal", async () => {
  const { signal } = new AbortController();
  await systemClock.sleep(1, signal);
  assert.equal(getEventListeners(signal, "abort").length, 0);
});
