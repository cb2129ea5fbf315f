import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../../../../agent/fleet/refusal.ts";
import { ErrorDetail } from "../../../../proto/gen/luksmith/v1/types.ts";

test("a refusal is said for a day after it was the last time, or until something is believed", () => {
  let nowMs = 5;
  const dayMs = 86_400_000;
  const refusal = new Refusal({ monotonicMs: () => nowMs });
  const why = ErrorDetail.create({ code: "refused", message: "it would be shut out" });
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
