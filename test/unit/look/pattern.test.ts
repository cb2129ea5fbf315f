import assert from "node:assert/strict";
import { test } from "node:test";
import { patternTest } from "../../../agent/look/pattern.ts";

const table: [pattern: string, test: string[]][] = [
  ["letter.txt", ["-name", "letter.txt"]],
  ["*.odt", ["-name", "*.odt"]],
  ["alice/", ["-name", "alice"]],
  ["-delete", ["-name", "-delete"]],
  ["/home/*/letter.txt", ["-path", "./home/*/letter.txt"]],
  ["home//alice/x", ["-path", "./home/alice/x"]],
  ["./home/x", ["-path", "./home/x"]],
];

for (const [pattern, expected] of table) {
  test(`looking for ${pattern}`, () => assert.deepEqual(patternTest(pattern, false), expected));
}

test("small and capital letters alike", () => {
  assert.deepEqual(patternTest("A", true), ["-iname", "A"]);
  assert.deepEqual(patternTest("a/B", true), ["-ipath", "./a/B"]);
});

test("what can be nothing's name is refused", () => {
  for (const pattern of ["", "/", "///", ".", "a/../b", "../etc", "caf\uFFFD", "a\0b", "x".repeat(5000)]) {
    assert.throws(() => patternTest(pattern, false), { code: "usage" }, JSON.stringify(pattern));
  }
});
