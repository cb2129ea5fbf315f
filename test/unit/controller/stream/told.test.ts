import assert from "node:assert/strict";
import { test } from "node:test";
import { Told } from "../../../../controller/stream/told.ts";

test("the same is said again after a while, another at once, and the same anew when there was nothing to say", () => {
  let nowMs = 5;
  const told = new Told({ monotonicMs: () => nowMs }, 1000);
  assert.equal(told.say("a"), true);
  assert.equal(told.say("a"), false);
  nowMs += 999;
  assert.equal(told.say("a"), false);
  nowMs += 1;
  assert.equal(told.say("a"), true);
  assert.equal(told.say("a"), false);
  assert.equal(told.say("b"), true);
  told.forget();
  assert.equal(told.say("b"), true);
});
