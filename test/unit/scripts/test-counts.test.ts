import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTapCounts } from "../../../scripts/test-counts.ts";

const ending = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([name, count]) => `# ${name} ${count}\n`)
    .join("");

describe("counts of a TAP report", () => {
  it("are those of its end; what was cancelled failed, what is to do was skipped", () => {
    const tap = `TAP version 13\nok 1 - a\n1..1\n${ending({ tests: 9, suites: 1, pass: 4, fail: 1, cancelled: 2, skipped: 1, todo: 1 })}`;
    assert.deepEqual(parseTapCounts(tap), { passed: 4, failed: 3, skipped: 2 });
  });

  it("are not taken from what a test said", () => {
    const tap = `# pass 100\n    # fail 7\n${ending({ pass: 4, fail: 0 })}`;
    assert.deepEqual(parseTapCounts(tap), { passed: 4, failed: 0, skipped: 0 });
  });

  it("are unknown when the report has no end", () => {
    assert.equal(parseTapCounts("TAP version 13\nok 1 - a\n"), undefined);
  });
});
