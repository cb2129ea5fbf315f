import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../../common/nearest.ts";

const known = ["home", "mail", "sources", "bandwidthLimit"];

const table: readonly (readonly [string, string | undefined])[] = [
  ["hme", "home"],
  ["hmoe", "home"],
  ["homes", "home"],
  ["Sources", "sources"],
  ["source", "sources"],
  ["bandwidthlimit", "bandwidthLimit"],
  ["bandwithLimmit", "bandwidthLimit"],
  ["xy", undefined],
  ["him", undefined],
  ["", undefined],
  ["keep", undefined],
];

for (const [word, expected] of table) {
  test(`"${word}" ${expected === undefined ? "resembles nothing" : `means "${expected}"`}`, () => {
    assert.equal(nearest(word, known), expected);
  });
}

test("the nearest one wins, and the first of two that are as near", () => {
  assert.equal(nearest("volum", ["volumes", "volume"]), "volume");
  assert.equal(nearest("a2", ["a1", "a3"]), "a1");
});
