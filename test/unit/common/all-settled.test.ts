import assert from "node:assert/strict";
import { test } from "node:test";
import { allOrFirstError, allOrNone } from "../../../common/all-settled.ts";

test("all the values, in their order", async () => {
  assert.deepEqual(await allOrFirstError<[number, string]>(Promise.resolve(1), Promise.resolve("two")), [1, "two"]);
});

test("it waits for the others, and throws what failed first", async () => {
  const slow = Promise.withResolvers<string>();
  const first = Promise.withResolvers<string>();
  let ended = false;
  const all = allOrFirstError(slow.promise, first.promise).finally(() => {
    ended = true;
  });
  all.catch(() => undefined);
  first.reject(new Error("first"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ended, false);
  slow.reject(new Error("second"));
  await assert.rejects(all, /first/);
});

test("the failure of one ends the other, and is what is thrown", async () => {
  const either = new AbortController();
  const other = new Promise<void>((_, reject) => {
    either.signal.addEventListener("abort", () => reject(new Error("stopped")));
  });
  await assert.rejects(allOrNone(either, Promise.reject(new Error("cause")), other), /cause/);
  assert.match(String(either.signal.reason), /cause/);
});

test("both", async () => {
  const either = new AbortController();
  assert.deepEqual(await allOrNone(either, Promise.resolve(1), Promise.resolve("b")), [1, "b"]);
  assert.equal(either.signal.aborted, false);
});
