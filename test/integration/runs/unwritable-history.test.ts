import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { stateDirectory } from "./agent-life.ts";
import type { Seen } from "./unwritable-agent.ts";

const unshare = ["--mount", "--map-root-user"];
const skip = spawnSync("unshare", [...unshare, "true"]).status === 0 ? false : "no mount namespace to be had here";

function seenBy(context: TestContext, scenario: string): Seen[] {
  const program = new URL("unwritable-agent.ts", import.meta.url).pathname;
  const args = [...unshare, process.execPath, program, stateDirectory(context), scenario];
  return JSON.parse(execFileSync("unshare", args, { encoding: "utf8", maxBuffer: 2 ** 26 }));
}

const told = [
  "1 started",
  ...Array.from({ length: 1000 }, (_, n) => `${n + 2} first ${n}`),
  "1002 +copy",
  ...Array.from({ length: 1000 }, (_, n) => `${n + 1003} then ${n}`),
  "2003 -copy",
  "2004 ended",
];

test("a disk that fills up in the middle of a run costs neither the run nor, once there is room, its record", {
  skip,
}, (t) => {
  const [full, after] = seenBy(t, "fillsUp");
  assert.deepEqual(
    full?.runs.map(({ state }) => state),
    [RunState.INCOMPLETE],
  );
  assert.deepEqual(full?.events, [told]);
  assert.deepEqual(full?.errors, ["the history of runs cannot be written; runs go on without it"]);
  assert.deepEqual(
    after?.runs.map(({ state }) => state),
    [RunState.INCOMPLETE, RunState.INCOMPLETE],
  );
  assert.deepEqual(after?.events, [told, told]);
  assert.deepEqual(after?.errors, []);
});

test("a disk that is full at the start still shows what was before, and the new run beside it", { skip }, (t) => {
  const [seen] = seenBy(t, "hasFilled");
  assert.equal(seen?.notKeptBecause, undefined);
  assert.deepEqual(
    seen?.runs.map(({ state }) => state),
    [RunState.INCOMPLETE, RunState.INCOMPLETE],
  );
  assert.deepEqual(seen?.events, [told, told]);
  assert.deepEqual(seen?.errors, ["the history of runs cannot be written; runs go on without it"]);
});

for (const [scenario, code] of [
  ["isFull", "full"],
  ["isReadOnly", "internal"],
]) {
  test(`where nothing can be written from the start (${scenario}), runs are held in memory, and that is said`, {
    skip,
  }, (t) => {
    const [seen] = seenBy(t, scenario ?? "");
    assert.equal(seen?.notKeptBecause, code);
    assert.deepEqual(
      seen?.runs.map(({ state, error }) => [state, error?.message]),
      [[RunState.INCOMPLETE, "2,000 files could not be read"]],
    );
    assert.deepEqual(seen?.events, [told]);
    assert.deepEqual(seen?.errors, ["the history of runs cannot be kept: it ends with this agent"]);
  });
}
