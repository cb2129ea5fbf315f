import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  candidates,
  emptyModel,
  judge,
  withBegun,
  withDone,
  withDoomed,
  withGone,
} from "../../lab/faults/engine/model.ts";

const model = withDone(withDone(emptyModel, "s1", "tree 1"), "s2", "tree 2");
const both = [
  { snapshot: "s1", record: "tree 1" },
  { snapshot: "s2", record: "tree 2" },
];

describe("the model of a job's snapshots", () => {
  it("finds nothing wrong with what it knows", () => {
    assert.deepEqual(judge(model, both), { wrong: [], model });
  });

  it("misses a finished snapshot", () => {
    assert.deepEqual(judge(model, both.slice(0, 1)).wrong, ["finished snapshot s2 is gone"]);
  });

  it("does not miss one that was to be removed, and still wants it whole where it is there", () => {
    const doomed = withDoomed(model, ["s2"]);
    assert.deepEqual(judge(doomed, both.slice(0, 1)), { wrong: [], model: withGone(doomed, ["s2"]) });
    const torn = [...both.slice(0, 1), { snapshot: "s2", record: undefined }];
    assert.deepEqual(judge(doomed, torn).wrong, ["finished snapshot s2 is not as it was"]);
  });

  it("takes a new one for any of the sources whose backup was begun, and knows it from then on", () => {
    const begun = withBegun(withBegun(model, "tree 3"), "tree 4");
    assert.deepEqual(candidates(begun, "s3"), ["tree 3", "tree 4"]);
    assert.deepEqual(candidates(begun, "s1"), ["tree 1"]);
    const judged = judge(begun, [...both, { snapshot: "s3", record: "tree 4" }]);
    assert.deepEqual(judged, { wrong: [], model: withDone(model, "s3", "tree 4") });
  });

  it("does not take a new one for something else", () => {
    const judged = judge(withBegun(model, "tree 3"), [...both, { snapshot: "s3", record: undefined }]);
    assert.deepEqual(judged.wrong, ["finished snapshot s3 is no source that was backed up"]);
  });
});
