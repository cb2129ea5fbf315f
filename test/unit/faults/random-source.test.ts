import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RandomSource } from "../../lab/faults/engine/random-source.ts";

describe("a random source", () => {
  it("gives the same for the same seed", () => {
    const [one, two] = [new RandomSource("seed", 1), new RandomSource("seed", 1)];
    const drawn = (random: RandomSource) => [random.whole(0, 1000), random.bytes(5000), random.fraction()];
    assert.deepEqual(drawn(one), drawn(two));
  });

  it("gives something else for a seed with other borders between its words", () => {
    assert.notDeepEqual(new RandomSource("ab", "c").bytes(16), new RandomSource("a", "bc").bytes(16));
  });

  it("reaches both ends of a range, and nothing beyond", () => {
    const random = new RandomSource("range");
    const seen = new Set(Array.from({ length: 200 }, () => random.whole(3, 6)));
    assert.deepEqual([...seen].toSorted(), [3, 4, 5, 6]);
  });

  it("picks what weighs more more often, and never what weighs nothing", () => {
    const random = new RandomSource("weights");
    const counts = { heavy: 0, light: 0, none: 0 };
    for (let time = 0; time < 1000; time += 1) {
      counts[
        random.weighted<keyof typeof counts>([
          [9, "heavy"],
          [1, "light"],
          [0, "none"],
        ])
      ] += 1;
    }
    assert.equal(counts.none, 0);
    assert.ok(counts.light > 50 && counts.light < 200, `${counts.light}`);
  });
});
