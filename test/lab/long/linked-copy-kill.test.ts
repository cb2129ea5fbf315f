/** An agent that is killed while a new snapshot is linked from the newest one. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { assertDone, homeAndDocs, Scene } from "../harness/scene.ts";
import { makeManyFiles } from "../harness/tree.ts";

const source = "/tmp/many-source";
const files = 800;
const patienceMs = 60_000;

describe("a run whose agent is killed while it links", () => {
  const scene = Scene.set({
    prepare: () => makeManyFiles(source, files, 10),
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("leaves nothing that works on, and the next one goes on", async () => {
    assertDone(await scene.agent.backup("docs"));
    const { run: started } = await scene.agent.startBackup("docs");
    await childOf(scene.agent.pid, "cp");
    await scene.agent.stop("SIGKILL");
    await scene.startAgent();
    await assertNothingLeft();
    const { run: ended } = await scene.agent.follow(started?.id ?? "");
    assert.equal(ended.state, RunState.INTERRUPTED);
    assertDone(await scene.agent.backup("docs"));
    const verified = await scene.agent.verify("docs");
    assertDone(verified);
    assert.equal(verified.run.totals?.filesEqual, files);
  });
});

/** Waits until the process has a child that runs this program. */
async function childOf(pid: number, program: string): Promise<void> {
  const giveUp = AbortSignal.timeout(patienceMs);
  for (;;) {
    giveUp.throwIfAborted();
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ");
    for (const child of children) {
      const name = await readFile(`/proc/${child}/comm`, "utf8").catch(() => "");
      if (name.trim() === program) return;
    }
  }
}
