import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planStep } from "../../lab/faults/engine/plan.ts";

const steps = Array.from({ length: 400 }, (_, step) => step);

describe("the plan of a soak", () => {
  it("is the same for the same seed, in whatever order it is asked", () => {
    assert.deepEqual(
      steps.map((step) => planStep("s", step)),
      steps
        .toReversed()
        .map((step) => planStep("s", step))
        .toReversed(),
    );
  });

  it("is another for another seed", () => {
    assert.notDeepEqual(planStep("s", 3), planStep("t", 3));
  });

  it("has every verb and every fault", () => {
    const plans = steps.map((step) => planStep("s", step));
    assert.equal(new Set(plans.map(({ verb }) => verb)).size, 9);
    assert.equal(new Set(plans.map(({ fault }) => fault.kind)).size, 13);
  });

  it("keeps an agent for some steps", () => {
    const attempts = steps.map((step) => planStep("s", step).attempts);
    const changes = attempts.filter((value, index) => index > 0 && value !== attempts[index - 1]).length;
    assert.ok(changes > 0 && changes < steps.length / 6, `${changes} changes`);
  });
});
