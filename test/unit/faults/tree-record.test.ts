import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { differences } from "../../lab/faults/engine/tree-record.ts";

describe("the difference of two trees", () => {
  it("is nothing where there is none", () => {
    assert.deepEqual(differences(["a", "b"], ["b", "a"]), []);
  });

  it("says what is missing and what is there instead", () => {
    assert.deepEqual(differences(["a", "b"], ["b", "c"]), ["- a", "+ c"]);
  });

  it("is cut short", () => {
    const many = Array.from({ length: 25 }, (_, index) => `${index}`);
    assert.equal(differences(many, []).at(-1), "and 5 more");
  });
});
