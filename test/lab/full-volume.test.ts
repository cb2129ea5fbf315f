/** A volume that is too small for what is backed up into it. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { makeBigSource, takeRoom, tightVolume } from "./harness/tight-volume.ts";

const big = "/tmp/big-source";
const little = "/tmp/little-source";

async function makeSources(): Promise<void> {
  await makeBigSource(big);
  await mkdir(little);
  await writeFile(join(little, "file"), "little\n");
}

describe("a full volume", () => {
  const scene = Scene.set({
    prepare: makeSources,
    config: `
volumes:
  ${tightVolume}
jobs:
  big: { volume: tight, sources: [${big}] }
  little: { volume: tight, sources: [${little}] }
`,
    volumes: ["tight"],
  });
  before(() => takeRoom(scene.host));

  it("says how much is missing, and keeps the snapshots there are", async () => {
    assertDone(await scene.agent.backup("little"));
    const full = await scene.agent.backup("big");
    assert.equal(full.run.state, RunState.FAILED);
    assert.equal(full.run.error?.code, "full");
    const missing = Number(/about ([\d.]+) MiB more/.exec(full.run.error?.message ?? "")?.[1]);
    assert.ok(missing > 3 && missing < 50, full.run.error?.message);
    assertDone(await scene.agent.verify("little"));
    const snapshots = await scene.agent.snapshots("big");
    assert.deepEqual(
      snapshots.map(({ partial }) => partial),
      [true],
    );
  });
});
