/** Room made in a full volume. */

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { assertDone, Scene } from "./harness/scene.ts";
import { makeBigSource, takeRoom, tightVolume } from "./harness/tight-volume.ts";

const big = "/tmp/big-source";

describe("a full volume", () => {
  const scene = Scene.set({
    prepare: () => makeBigSource(big),
    config: `
volumes:
  ${tightVolume}
jobs:
  big: { volume: tight, sources: [${big}] }
`,
    volumes: ["tight"],
  });
  before(() => takeRoom(scene.host));

  it("is thinned on request", async () => {
    const full = await scene.agent.backup("big");
    assert.equal(full.run.error?.code, "full");
    const dry = await scene.agent.prune("big", { partial: true, dryRun: true });
    assert.match(dry.run.summary, /would remove 1 snapshot/);
    assert.equal((await scene.agent.snapshots("big")).length, 1);
    assertDone(await scene.agent.prune("big", { partial: true }));
    assert.equal((await scene.agent.snapshots("big")).length, 0);
  });
});
