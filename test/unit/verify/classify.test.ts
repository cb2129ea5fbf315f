import assert from "node:assert/strict";
import { test } from "node:test";
import { classify, type Verdict } from "../../../agent/verify/classify.ts";

const table: readonly (readonly [string, Verdict | undefined])[] = [
  // nothing changed: rsync leaves blanks, which are trimmed
  [".f", "equal"],
  [".f         ", "equal"],
  [".f.........", "equal"],
  ["hf", "equal"],
  // only who may read it, or what hangs on it
  [".f...p.....", "equal"],
  [".f...pog.ax", "equal"],
  // touched: another time, the same content
  [".f..t......", "equal"],
  [".f..tp.....", "equal"],
  // other content, though neither size nor time say so
  [">fc........", "differs"],
  [">fc..p.....", "differs"],
  // edited since
  [">fcst......", "changed"],
  [">fc.t......", "changed"],
  [">fcs.......", "changed"],
  [">f.st......", "changed"],
  [">fc.T......", "changed"],
  // new since
  [">f+++++++++", "added"],
  ["hf+++++++++", "added"],
  // what has no content
  [".d", undefined],
  [".d..t......", undefined],
  ["cd+++++++++", undefined],
  ["cLc........", undefined],
  [".L", undefined],
  [".S", undefined],
  ["cD+++++++++", undefined],
  ["*deleting", undefined],
  ["", undefined],
  ["x", undefined],
];

for (const [changes, expected] of table) {
  test(`${JSON.stringify(changes)} is ${expected ?? "nothing to compare"}`, () => {
    assert.equal(classify(changes), expected);
  });
}
