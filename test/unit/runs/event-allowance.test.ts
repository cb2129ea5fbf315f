import assert from "node:assert/strict";
import { test } from "node:test";
import { EventAllowance } from "../../../agent/runs/event-allowance.ts";

test("ten thousand of a kind are granted, the next is told apart from those after it", () => {
  const allowance = new EventAllowance();
  for (let n = 0; n < 10_000; n += 1) assert.equal(allowance.ask("item", 10), "granted");
  assert.deepEqual([allowance.ask("item", 10), allowance.ask("item", 10)], ["first refused", "refused"]);
});

test("long names use it up sooner, and what is refused once stays refused", () => {
  const allowance = new EventAllowance();
  for (let n = 0; n < 1024; n += 1) assert.equal(allowance.ask("warning", 4096), "granted");
  assert.deepEqual([allowance.ask("warning", 1), allowance.ask("warning", 0)], ["first refused", "refused"]);
});

test("kinds do not use up one another's", () => {
  const allowance = new EventAllowance();
  assert.equal(allowance.ask("item", 2 ** 30), "first refused");
  assert.equal(allowance.ask("warning", 1), "granted");
  assert.equal(allowance.ask("note", 1), "granted");
});
