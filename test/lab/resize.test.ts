/** A volume that grows when it is full. */

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { assertDone, Scene } from "./harness/scene.ts";
import { bigFiles, makeBigSource, takeRoom, tightVolume } from "./harness/tight-volume.ts";

const big = "/tmp/big-source";

describe("a volume that has grown", () => {
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

  it("takes the rest of a backup that had filled it", async () => {
    const full = await scene.agent.backup("big");
    assert.equal(full.run.error?.code, "full");
    assert.equal(await scene.agent.stop(), 0);
    await scene.startAgent((config) => config.replace("size: 64M", "size: 96M"));
    assertDone(await scene.agent.resize("tight"));
    const resumed = await scene.agent.backup("big");
    assertDone(resumed);
    assert.ok(
      resumed.events.some(({ kind }) => kind?.$case === "note" && kind.value.message.startsWith("going on with")),
    );
    assert.ok(
      (resumed.run.totals?.filesCopied ?? bigFiles) < bigFiles,
      "files that had been copied were not copied again",
    );
    const verified = await scene.agent.verify("big");
    assert.equal(verified.run.totals?.filesEqual, bigFiles);
  });
});
