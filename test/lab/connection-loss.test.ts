/** A backup host that goes away while it is written to. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { endlessSource, homeAndEndless, startEndlessBackup } from "./harness/endless-backup.ts";
import { assertDone, Scene } from "./harness/scene.ts";

describe("a run that loses its connection", () => {
  const scene = Scene.set({
    config: `${homeAndEndless}  fast: { volume: home, sources: [${endlessSource}] }
`,
    volumes: ["home"],
  });

  it("ends, and leaves nothing hanging", async () => {
    const id = await startEndlessBackup(scene.agent);
    await scene.host.stop();
    const { run: ended } = await scene.agent.follow(id);
    assert.equal(ended.state, RunState.FAILED);
    assert.equal(ended.error?.code, "lost");
    await scene.host.start();
    assertDone(await scene.agent.backup("fast"));
  });
});
