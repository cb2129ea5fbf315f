/** An agent that is killed while it works. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessSource, homeAndEndless, startEndlessBackup } from "./harness/endless-backup.ts";
import { assertNothingLeft, captureSystem } from "./harness/leak-check.ts";
import { assertDone, Scene } from "./harness/scene.ts";

describe("a run whose agent is killed", () => {
  const scene = Scene.set({
    config: `${homeAndEndless}  fast: { volume: home, sources: [${endlessSource}] }
`,
    volumes: ["home"],
  });

  it("is marked interrupted, and what it held is released before new work", async () => {
    const id = await startEndlessBackup(scene.agent);
    await scene.agent.stop("SIGKILL");
    const held = await captureSystem();
    assert.ok(
      held.some(({ what }) => what === "mount") && held.some(({ what }) => what === "device"),
      "there is something to release",
    );
    await scene.startAgent();
    await assertNothingLeft();
    const { run: ended } = await scene.agent.follow(id);
    assert.equal(ended.state, RunState.INTERRUPTED);
    assertDone(await scene.agent.backup("fast"));
    const verified = await scene.agent.verify("fast");
    assertDone(verified);
    assert.equal(verified.run.totals?.filesEqual, endlessFiles);
  });
});
