import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allowedOutcomes } from "../../lab/faults/engine/outcome.ts";
import { type Fault, planStep } from "../../lab/faults/engine/plan.ts";

describe("the outcomes that a fault allows", () => {
  it("never call it tampering, nor a fault of ours", () => {
    for (let step = 0; step < 300; step += 1) {
      const allowed = allowedOutcomes(planStep("s", step).fault, false);
      assert.ok(allowed.includes("DONE"));
      assert.ok(!allowed.some((outcome) => /tampered|internal|wrong_key|INCOMPLETE/.test(outcome)));
    }
  });

  it("leave no way out where nothing has happened, or too little to be noticed", () => {
    for (const fault of [{ kind: "none" }, { kind: "blip", outageMs: 500 }] satisfies Fault[]) {
      assert.deepEqual(allowedOutcomes(fault, false), ["DONE"]);
    }
  });

  it("let another run than the one that was cancelled be done", () => {
    assert.deepEqual(allowedOutcomes({ kind: "cancel", times: 1, silent: false }, true), ["DONE"]);
  });
});
