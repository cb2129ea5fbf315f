import assert from "node:assert/strict";
import { test } from "node:test";
import { projectMs } from "../../../agent/drill/projection.ts";

const cases: readonly (readonly [string, Parameters<typeof projectMs>, number | undefined])[] = [
  ["ten times as much", [1000, { files: 10, bytes: 500 }, { files: 100, bytes: 5000 }], 10_000],
  ["by files, where there are more of them", [1000, { files: 10, bytes: 500 }, { files: 400, bytes: 5000 }], 40_000],
  ["by bytes, where there are more of them", [1000, { files: 10, bytes: 500 }, { files: 10, bytes: 50_000 }], 100_000],
  ["everything", [1000, { files: 10, bytes: 500 }, { files: 10, bytes: 500 }], 1000],
  ["empty files alone", [1000, { files: 10, bytes: 0 }, { files: 20, bytes: 0 }], 2000],
  ["more than was written down of it", [1000, { files: 10, bytes: 500 }, { files: 5, bytes: 250 }], 1000],
  ["nothing", [1000, { files: 0, bytes: 0 }, { files: 5, bytes: 250 }], undefined],
];

for (const [what, args, expected] of cases) {
  test(what, () => assert.equal(projectMs(...args), expected));
}
