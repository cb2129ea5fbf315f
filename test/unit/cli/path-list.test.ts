import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPathList, splitPathList } from "../../../cli/path-list.ts";

const lists: [text: string, paths: string[]][] = [
  ["", []],
  ["\0", []],
  ["a\0", ["a"]],
  ["a\0b", ["a", "b"]],
  ["a\nb\0\0-c\0", ["a\nb", "-c"]],
  ["\xff\xfe\0", ["\xff\xfe"]],
];

for (const [text, paths] of lists) {
  test(`${JSON.stringify(text)} has ${paths.length} names`, () => {
    assert.deepEqual(
      splitPathList(Buffer.from(text, "latin1")).map((path) => path.toString("latin1")),
      paths,
    );
  });
}

test("what does not fit in one message is refused", () => {
  const path = Buffer.alloc(4096, "x");
  assert.equal(checkPathList(Array(800).fill(path)).length, 800);
  assert.throws(() => checkPathList(Array(1000).fill(path)), { code: "usage" });
});
