import assert from "node:assert/strict";
import { test } from "node:test";
import { Allowance } from "../../../agent/warm/allowance.ts";

const MiB = 2 ** 20;

/** Whether it resolves without anything else happening. */
async function isGranted(allowance: Allowance): Promise<boolean> {
  let granted = false;
  void allowance.granted().then(() => {
    granted = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return granted;
}

test("who is too far ahead waits for the reader", async () => {
  const allowance = new Allowance();
  allowance.pass(96 * MiB);
  assert.equal(await isGranted(allowance), true);
  allowance.pass(MiB);
  assert.equal(await isGranted(allowance), false);
  const waiting = allowance.granted();
  allowance.readerIsAt(MiB / 2);
  allowance.readerIsAt(MiB);
  await waiting;
  // a reader does not go back
  allowance.readerIsAt(0);
  assert.equal(await isGranted(allowance), true);
});

test("a large file is let pass, and then waited for", async () => {
  const allowance = new Allowance();
  allowance.pass(10_000 * MiB);
  assert.equal(await isGranted(allowance), false);
  allowance.readerIsAt(9_000 * MiB);
  assert.equal(await isGranted(allowance), false);
  allowance.readerIsAt(9_950 * MiB);
  assert.equal(await isGranted(allowance), true);
});
