import assert from "node:assert/strict";
import { test } from "node:test";
import { outcomeError } from "../../../cli/outcome.ts";
import { errorCodes } from "../../../common/errors.ts";
import { type Run, RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { sampleRun } from "./samples.ts";

const detail = (code: string, hint = "") => ({ code, message: "it went wrong", hint });
const table: [name: string, changes: Partial<Run>, exitCode: number][] = [
  ["done", { state: RunState.DONE }, 0],
  ["skipped", { state: RunState.SKIPPED }, 0],
  ["incomplete", { state: RunState.INCOMPLETE, error: detail("incomplete") }, 3],
  ["incomplete without a word", { state: RunState.INCOMPLETE }, 3],
  ["failed without a word", { state: RunState.FAILED }, 1],
  ["failed with a code of a newer agent", { state: RunState.FAILED, error: detail("melted") }, 1],
  ["cancelled", { state: RunState.CANCELLED, error: detail("cancelled") }, 130],
  ["cancelled without a word", { state: RunState.CANCELLED }, 130],
  ["interrupted", { state: RunState.INTERRUPTED, error: detail("interrupted") }, 1],
  ["a state of a newer agent", { state: RunState.UNRECOGNIZED }, 1],
  ...Object.entries(errorCodes).map(([code, { exit }]): [string, Partial<Run>, number] => [
    `failed with ${code}`,
    { state: RunState.FAILED, error: detail(code) },
    exit,
  ]),
];

for (const [name, changes, exitCode] of table) {
  test(`${name}: exit code ${exitCode}`, () => {
    assert.equal(outcomeError(sampleRun(changes))?.exitCode ?? 0, exitCode);
  });
}

test("the agent's own hint is the best one; without it the log is", () => {
  const failed = (hint: string) => outcomeError(sampleRun({ state: RunState.FAILED, error: detail("full", hint) }));
  assert.equal(failed("luksmith volume resize home")?.hint, "luksmith volume resize home");
  assert.equal(failed("")?.hint, "luksmith log 7f3a9c21");
});

test("an incomplete run without a word counts its warnings", () => {
  const totals = sampleRun().totals;
  assert.ok(totals);
  const run = sampleRun({ state: RunState.INCOMPLETE, totals: { ...totals, warnings: 3 } });
  assert.equal(outcomeError(run)?.message, "not everything could be done: 3 warnings");
});
