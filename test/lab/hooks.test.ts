/** What a job has done before and after. */

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const source = "/tmp/hooks-source";

async function prepare(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "file"), "file\n");
  await writeFile(
    "/tmp/hook",
    '#!/bin/sh\necho "$0 $1 $LUKSMITH_JOB $LUKSMITH_OUTCOME" >> /tmp/hook.log\nexit ${2:-0}\n',
    { mode: 0o755 },
  );
}

describe("a job", () => {
  const scene = Scene.set({
    prepare,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  hooked: { volume: home, sources: [${source}], before: [[/tmp/hook, before]], after: [[/tmp/hook, after], /tmp/hook] }
  skips: { volume: home, sources: [${source}], before: [[/tmp/hook, before, "75"]], after: [[/tmp/hook, after]] }
  breaks: { volume: home, sources: [${source}], before: [[/tmp/hook, before, "3"]], after: [[/tmp/hook, after]] }
`,
    volumes: ["home"],
  });

  it("runs its hooks, and says how it went", async () => {
    assertDone(await scene.agent.backup("hooked"));
    const skipped = await scene.agent.backup("skips");
    assert.equal(skipped.run.state, RunState.SKIPPED);
    const broken = await scene.agent.backup("breaks");
    assert.equal(broken.run.error?.code, "hook_failed");
    assert.deepEqual((await readFile("/tmp/hook.log", "utf8")).trim().split("\n"), [
      "/tmp/hook before hooked ",
      "/tmp/hook after hooked done",
      "/tmp/hook  hooked done",
      "/tmp/hook before skips ",
      "/tmp/hook after skips skipped",
      "/tmp/hook before breaks ",
      "/tmp/hook after breaks failed",
    ]);
    assert.equal((await scene.agent.snapshots("breaks")).length, 0);
  });
});
