/** Which hooks are started at all. */

import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runBeforeHooks } from "../../../agent/backup/hooks.ts";
import type { JobConfig } from "../../../agent/config/job.ts";
import type { RunContext } from "../../../agent/runs/context.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch, writeFile } from "../tools/scratch.ts";

const alice = 1000;
const run = { runId: "r", signal: new AbortController().signal } as unknown as RunContext;

function hookIn(context: TestContext) {
  assert.equal(process.getuid?.(), 0, "this test makes files of several users, so it runs as root");
  const root = scratch(context);
  const starting = (file: string) => {
    const job = { name: "docs", volume: "home", before: [[file]], after: [], hookTimeoutMs: 10_000 };
    return runBeforeHooks(makeExec().exec, job as unknown as JobConfig, run);
  };
  return { root, starting };
}

test("a hook of root's is run, by whatever link of root's", async (context) => {
  const { root, starting } = hookIn(context);
  writeFile(join(root, "hook"), "#!/bin/sh\nexit 75\n");
  chmodSync(join(root, "hook"), 0o755);
  symlinkSync("hook", join(root, "link"));
  assert.equal(await starting(join(root, "hook")), "skip");
  assert.equal(await starting(join(root, "link")), "skip");
});

test("one that others could put there in the next moment is not run, and neither is one that cannot be looked at", async (context) => {
  const { root, starting } = hookIn(context);
  mkdirSync(join(root, "alices"));
  chownSync(join(root, "alices"), alice, alice);
  await assert.rejects(starting(join(root, "alices", "hook")), /others can change .*\/alices$/);
  mkdirSync(join(root, "sticky"));
  chmodSync(join(root, "sticky"), 0o1777);
  await assert.rejects(starting(join(root, "sticky", "hook")), /it is not there/);
  writeFile(join(root, "file"), "");
  await assert.rejects(starting(join(root, "file", "hook")), /it cannot be looked at: .*Not a directory/);
});
