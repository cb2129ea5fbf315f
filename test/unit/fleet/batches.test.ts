import assert from "node:assert/strict";
import { test } from "node:test";
import { inBatches } from "../../../agent/fleet/batches.ts";
import { systemClock } from "../../../common/clock.ts";

const limits = { count: 3, bytes: 100, lingerMs: 5 };
const lengthOf = (text: string) => text.length;

async function collect(items: AsyncIterable<string>): Promise<string[][]> {
  const batches: string[][] = [];
  for await (const batch of inBatches(items, limits, lengthOf, systemClock)) batches.push(batch);
  return batches;
}

test("in order, none twice, and no more in one than fits", async () => {
  async function* items() {
    yield* ["a", "b", "c", "d", "x".repeat(99), "y", "z"];
  }
  assert.deepEqual(await collect(items()), [
    ["a", "b", "c"],
    ["d", "x".repeat(99)],
    ["y", "z"],
  ]);
});

test("what has come is handed on although nothing follows it", async () => {
  const more = Promise.withResolvers<void>();
  async function* items() {
    yield "a";
    await more.promise;
    yield "b";
  }
  const batches = inBatches(items(), limits, lengthOf, systemClock);
  assert.deepEqual((await batches.next()).value, ["a"]);
  more.resolve();
  assert.deepEqual((await batches.next()).value, ["b"]);
  assert.equal((await batches.next()).done, true);
});

test("an error comes after what was there before it", async () => {
  async function* items() {
    yield "a";
    throw new Error("gone");
  }
  const batches = inBatches(items(), limits, lengthOf, systemClock);
  await assert.rejects(async () => {
    for await (const batch of batches) assert.deepEqual(batch, ["a"]);
  }, /gone/);
});
