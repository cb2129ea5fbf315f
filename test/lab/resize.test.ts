/** A volume that grows when it is full, as far as the backup host has room. */

import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { assertDone, Scene } from "./harness/scene.ts";
import { bigFiles, makeBigSource, takeRoom, tightVolume } from "./harness/tight-volume.ts";

const big = "/tmp/big-source";
const mebi = 2 ** 20;

describe("a volume that has grown", () => {
  const scene = Scene.set({
    storageBytes: 200 * mebi,
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

  const imageMiB = async () => (await stat(join(scene.host.imagesPath, "tight.luks"))).size / mebi;
  const restartWith = async (size: string) => {
    assert.equal(await scene.agent.stop(), 0);
    await scene.startAgent((config) => config.replace("size: 64M", `size: ${size}`));
  };

  it("takes the rest of a backup that had filled it", async () => {
    const full = await scene.agent.backup("big");
    assert.equal(full.run.error?.code, "full");
    await restartWith("96M");
    const planned = await scene.agent.resize("tight", { dryRun: true });
    assertDone(planned);
    assert.match(planned.run.summary, /would grow from 64\.0 MiB to 96\.0 MiB/);
    const notes = planned.events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
    const smallest = Number(/the smallest size that volume tight could have now is (\d+)M/.exec(notes.join())?.[1]);
    assert.ok(smallest > 64 && smallest < 96, notes.join());
    assert.equal(await imageMiB(), 64);
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

  it("grows beyond the room that the host has only when that is asked for", async () => {
    await restartWith("512M");
    for (const dryRun of [true, false]) {
      const { run } = await scene.agent.resize("tight", { dryRun });
      assert.equal(run.error?.code, "full", run.error?.message);
      assert.match(run.error?.message ?? "", /more on vault, which has [\d.]+ MiB left/);
      assert.match(run.error?.hint ?? "", /set volumes\.tight\.size to \d{3}M at the most.*--overcommit/);
      assert.equal(await imageMiB(), 96);
    }
    assertDone(await scene.agent.resize("tight", { overcommit: true }));
    assert.equal(await imageMiB(), 512);
    assertDone(await scene.agent.backup("big"));
  });
});
