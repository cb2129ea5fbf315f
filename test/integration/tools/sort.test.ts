import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { releaseSorting, sorted } from "../../../agent/tools/sort.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;

test("more than there is memory for comes back in order, and leaves nothing", async (context) => {
  const stateDir = scratch(context);
  const count = 60_000;
  const padding = "x".repeat(1200);
  let spilled = false;
  let [taken, inOrder, last] = [0, true, ""];
  await sorted(
    { exec, stateDir },
    {
      feed: async (give) => {
        for (let index = 0; index < count; index += 100) {
          const piece = Array.from({ length: 100 }, (_, at) => `${((index + at) * 7919) % count} ${padding}\0`).join(
            "",
          );
          await give(Buffer.from(piece));
        }
      },
      take: async (records) => {
        spilled ||= readdirSync(join(stateDir, "sorting")).length > 0;
        for (const record of records) {
          const text = record.toString("latin1");
          inOrder &&= last < text;
          last = text;
          taken += 1;
        }
      },
    },
    signal,
  );
  assert.ok(spilled, "it was too much for memory");
  assert.equal(statSync(join(stateDir, "sorting")).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(join(stateDir, "sorting")), []);
  assert.deepEqual([taken, inOrder], [count, true]);
});

test("whoever takes or feeds may fail, and is heard", async (context) => {
  const stateDir = scratch(context);
  const fault = new LuksmithError("full", "enough");
  const fail = async () => {
    throw fault;
  };
  const feed = async (give: (piece: Buffer) => Promise<void>) => {
    for (let index = 0; index < 10; index += 1) await give(Buffer.alloc(100_000));
  };
  await assert.rejects(sorted({ exec, stateDir }, { feed, take: fail }, signal), fault);
  await assert.rejects(sorted({ exec, stateDir }, { feed: fail, take: async () => undefined }, signal), fault);
  const stop = new AbortController();
  const waits = async (_give: unknown, within: AbortSignal) => {
    await exec({ file: "sleep", args: ["600"], signal: within });
  };
  const sorting = sorted({ exec, stateDir }, { feed: waits, take: fail }, stop.signal);
  stop.abort(fault);
  await assert.rejects(sorting, fault);
});

test("what a killed sort has left goes", async (context) => {
  const stateDir = scratch(context);
  await releaseSorting(stateDir);
  mkdirSync(join(stateDir, "sorting"));
  writeFile(join(stateDir, "sorting", "sortXYZ"));
  await releaseSorting(stateDir);
  assert.ok(!existsSync(join(stateDir, "sorting")));
});
