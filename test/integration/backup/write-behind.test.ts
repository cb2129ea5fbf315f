import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { withWriteBehind } from "../../../agent/backup/write-behind.ts";
import { systemClock } from "../../../common/clock.ts";
import { fixedEnvironment, makeExec, mustRun } from "../../../common/exec.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { isRunning } from "../exec/process-state.ts";
import { scratch } from "../tools/scratch.ts";

const longMs = 600_000;
const copiedBytes = 40 * 2 ** 20;
/** 50 MB in a second, at most: a copy that is done before anybody has looked would not wait for anything. */
const copyScript = `
const { openSync, writeSync } = require("node:fs");
const file = openSync(process.argv[1], "w");
const piece = Buffer.alloc(2 ** 18);
for (let left = ${copiedBytes}; left > 0; left -= piece.length) {
  writeSync(file, piece);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
}`;

/** @param sync a shell script that stands in front of sync(1): a slow or a broken link is made of it. */
function scene(context: TestContext, sync: string) {
  const directory = scratch(context);
  const log = join(directory, "log");
  const target = join(directory, "target");
  writeFileSync(log, "");
  writeFileSync(target, "");
  writeFileSync(join(directory, "sync"), `#!/bin/sh\nset -eu\nlog=${log}\ntarget=${target}\n${sync}\n`);
  chmodSync(join(directory, "sync"), 0o755);
  const { exec } = makeExec(`${directory}:${fixedEnvironment.PATH}`);
  const pids: number[] = [];
  const copy = (signal: AbortSignal, onSettled?: (beganMs: number) => void) =>
    withWriteBehind(
      { exec, clock: systemClock },
      directory,
      signal,
      (onStart, inTime) =>
        mustRun(exec, {
          file: process.execPath,
          args: ["--eval", copyScript, target],
          deadlineMs: longMs,
          signal: inTime,
          onStart: (running) => {
            pids.push(running.pid);
            onStart(running);
          },
        }),
      onSettled,
    );
  return { copy, log, isOver: () => pids.length === 1 && pids.every((pid) => !isRunning(pid)) };
}

const never = () => new AbortController().signal;

test("a copy goes on while it is written out, and is told up to when all of it has arrived", async (context) => {
  const { copy, log, isOver } = scene(
    context,
    'echo begin >>"$log"; sleep 0.1; echo "end $(stat --format=%s -- "$target")" >>"$log"',
  );
  const settled: number[] = [];
  await copy(never(), (beganMs) => settled.push(beganMs));
  assert.ok(isOver());
  const ends = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("end"));
  assert.ok(settled.length > 1 && settled.length <= ends.length, `${settled.length} of ${ends.length}`);
  assert.deepEqual(
    settled,
    settled.toSorted((a, b) => a - b),
  );
  // it stood still between: else it would have ended long before the first piece had arrived
  assert.ok(Number(ends[0]?.split(" ")[1]) < copiedBytes, ends.join(", "));
});

test("a piece that does not arrive ends the copy, and what arrives after it is not believed", async (context) => {
  // the second is told to be lost while the first is still on its way
  const { copy, isOver } = scene(
    context,
    'echo begin >>"$log"; [ "$(wc --lines <"$log")" -lt 2 ] || { sleep 0.1; echo lost >&2; exit 1; }; sleep 1',
  );
  const settled: number[] = [];
  await assert.rejects(
    copy(never(), (beganMs) => settled.push(beganMs)),
    { code: "tool_failed", message: "sync failed: lost" },
  );
  assert.ok(isOver());
  assert.deepEqual(settled, []);
});

test("when every piece fails, the copy has ended each time, however the two fall together", async (context) => {
  for (const delay of ["", "sleep 0.01", "sleep 0.03", "sleep 0.05"]) {
    const { copy, isOver } = scene(context, `${delay}\necho lost >&2; exit 1`);
    await assert.rejects(copy(never()), { code: "tool_failed", message: "sync failed: lost" });
    assert.ok(isOver());
  }
});

test("one that stands still is cancelled like any other", async (context) => {
  const { copy, log, isOver } = scene(context, 'echo begin >>"$log"; exec sleep 600');
  const cancel = new AbortController();
  const copying = copy(cancel.signal);
  const two = () => readFileSync(log, "utf8").split("\n").length > 2;
  assert.ok(await waitUntil(systemClock, 20_000, two));
  cancel.abort(new Error("enough"));
  await assert.rejects(copying, { message: "enough" });
  assert.ok(isOver());
});
