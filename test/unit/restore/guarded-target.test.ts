import assert from "node:assert/strict";
import { test } from "node:test";
import { isConcerned } from "../../../agent/restore/guarded-target.ts";

const cases: readonly [mounted: string, paths: readonly string[], expected: boolean][] = [
  ["", ["etc"], true],
  ["", [], true],
  ["home", ["home"], true],
  ["home", ["home/alice/x"], true],
  ["home/alice", ["home"], true],
  ["home", [""], true],
  ["home", ["homes", "hom", "etc/home"], false],
  ["home", [], false],
  ["proc", ["etc", "proc"], true],
];

for (const [mounted, paths, expected] of cases) {
  test(`what goes to ${JSON.stringify(paths)} ${expected ? "concerns" : "leaves alone"} what is mounted at "${mounted}"`, () => {
    const found = isConcerned(
      mounted,
      paths.map((path) => Buffer.from(path)),
    );
    assert.equal(found, expected);
  });
}
