import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { Change } from "../../../agent/runs/change.ts";

test("a ring wakes all who wait now, once", async () => {
  const change = new Change();
  const { signal } = new AbortController();
  const waits = [change.wait(signal), change.wait(signal)];
  assert.equal(change.waiting, 2);
  change.ring();
  await Promise.all(waits);
  assert.equal(change.waiting, 0);
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("who goes away is woken and forgotten", async () => {
  const change = new Change();
  const controller = new AbortController();
  const wait = change.wait(controller.signal);
  controller.abort();
  await wait;
  assert.equal(change.waiting, 0);
  await change.wait(controller.signal);
  assert.equal(change.waiting, 0);
});
