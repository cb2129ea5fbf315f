import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "../../../../controller/store/schema.ts";
import { Crowd } from "../../../../controller/stream/crowd.ts";

const transaction = {} as Database;

test("what many machines want is done at once, each gets its own, and what one wants twice comes one after the other", async () => {
  const asked: string[][] = [];
  const crowd = new Crowd(async (_, each: readonly { machineId: string; n: number }[]) => {
    asked.push(each.map(({ machineId, n }) => `${machineId}${n}`));
    return each.map(({ n }) => n * 10);
  });
  const got: [string, number][] = [];
  const join = (machineId: string, n: number) =>
    crowd.join({ machineId, n }, (out) => got.push([`${machineId}${n}`, out]));
  const members = [join("a", 1), join("b", 2), join("a", 3), join("c", 4), join("a", 5)];
  const tell = await crowd.apply(transaction, members);
  assert.deepEqual(asked, [["a1", "b2", "c4"], ["a3"], ["a5"]]);
  assert.deepEqual(got, [], "nobody is told before it is stored");
  tell();
  assert.deepEqual(
    new Map(got),
    new Map(members.map((_, at) => [["a1", "b2", "a3", "c4", "a5"][at] ?? "", (at + 1) * 10])),
  );
});

test("a transaction that was taken back is done again with the same members", async () => {
  let tries = 0;
  const crowd = new Crowd(async (_, each: readonly { machineId: string }[]) => {
    tries += 1;
    if (tries === 1) throw new Error("another one was first");
    return each.map(({ machineId }) => machineId);
  });
  const got: string[] = [];
  const member = crowd.join({ machineId: "a" }, (out) => got.push(out));
  await assert.rejects(crowd.apply(transaction, [member]));
  (await crowd.apply(transaction, [member]))();
  assert.deepEqual(got, ["a"]);
});
