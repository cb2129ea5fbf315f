import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../../../../agent/fleet/refusal.ts";
import { ErrorDetail } from "../../../../proto/gen/luksmith/v1/types.ts";

const why = ErrorDetail.create({ code: "refused", message: "it would be shut out" });

test("a refusal is said for a day after it was the last time, or until something is believed", () => {
  let nowMs = 5;
  const dayMs = 86_400_000;
  const refusal = new Refusal({ monotonicMs: () => nowMs });
  assert.equal(refusal.why, undefined);
  refusal.set(why);
  nowMs += dayMs - 1;
  assert.deepEqual(refusal.why, why);
  refusal.set(why);
  nowMs += dayMs - 1;
  assert.deepEqual(refusal.why, why);
  nowMs += 1;
  assert.equal(refusal.why, undefined);
  refusal.set(why);
  refusal.clear();
  assert.equal(refusal.why, undefined);
});

test("good addresses take back a refusal of addresses, and no other", () => {
  const refusal = new Refusal({ monotonicMs: () => 0 });
  refusal.set(why, true);
  refusal.clear(true);
  assert.equal(refusal.why, undefined);
  refusal.set(why);
  refusal.clear(true);
  assert.equal(refusal.why, why);
  refusal.clear();
  assert.equal(refusal.why, undefined);
});
