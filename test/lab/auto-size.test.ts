/** A volume that grows by itself when a backup would fill it. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { cheapKdf, type Followed } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { bigFiles, makeBigSource, takeRoom } from "./harness/tight-volume.ts";

const big = "/tmp/big-source";
const huge = "/tmp/huge-source";
/** Room for all but some of them is left in the other volume, and for a step. */
const hugeFiles = 24;
const ballastMiB = 20;
const mebi = 2 ** 20;

async function makeSources(): Promise<void> {
  await makeBigSource(big);
  await mkdir(huge);
  for (let index = 0; index < hugeFiles; index += 1) await writeFile(join(huge, `f${index}`), randomBytes(mebi));
}

function notesOf({ events }: Followed, words: RegExp): string[] {
  return events.flatMap(({ kind }) =>
    kind?.$case === "note" && words.test(kind.value.message) ? [kind.value.message] : [],
  );
}

describe("a volume that grows by itself", () => {
  const scene = Scene.set({
    prepare: makeSources,
    config: `
volumes:
  tight: { remote: vault, image: tight.luks, size: { auto: { start: 64M, step: 16M, limit: 80M } }, ${cheapKdf} }
  roomy: { remote: vault, image: roomy.luks, size: { auto: { start: 64M, step: 16M, limit: 1G } }, ${cheapKdf} }
jobs:
  big: { volume: tight, sources: [${big}] }
  huge: { volume: tight, sources: [${huge}] }
  other: { volume: roomy, sources: [${huge}] }
`,
    volumes: ["tight", "roomy"],
  });
  before(async () => {
    await takeRoom(scene.host);
    await takeRoom(scene.host, "roomy", ballastMiB);
  });
  const imageMiB = async (name: string) => (await stat(join(scene.host.imagesPath, `${name}.luks`))).size / mebi;

  it("does so before a run that is known to fill it", async () => {
    const grown = await scene.agent.backup("big");
    assertDone(grown);
    assert.equal(notesOf(grown, /is full and grows from 64\.0 MiB to 80\.0 MiB, of 80\.0 MiB at the most/).length, 1);
    assert.equal(await imageMiB("tight"), 80);
    assert.equal((await scene.agent.verify("big")).run.totals?.filesEqual, bigFiles);
  });

  it("does so in a run that fills it, which goes on where it was", async () => {
    const grown = await scene.agent.backup("other");
    assertDone(grown);
    assert.equal(notesOf(grown, /is full and grows from 64\.0 MiB to 80\.0 MiB/).length, 1);
    assert.equal(notesOf(grown, /^going on with the interrupted snapshot/).length, 1);
    assert.ok((grown.run.totals?.filesCopied ?? hugeFiles) < hugeFiles, "what had been copied was not copied again");
    assert.equal(await imageMiB("roomy"), 80);
    assert.equal((await scene.agent.verify("other")).run.totals?.filesEqual, hugeFiles);
  });

  it("does not go beyond its limit", async () => {
    const { run } = await scene.agent.backup("huge");
    assert.equal(run.error?.code, "full");
    assert.match(
      run.error?.message ?? "",
      /volume tight is full: about .* more are needed.*; it is at its limit of 80\.0 MiB/,
    );
    assert.match(run.error?.hint ?? "", /raise volumes\.tight\.size\.auto\.limit/);
    assert.equal(await imageMiB("tight"), 80);
    const volumes = (await scene.agent.volumes()).volumes.map(({ name, size, configuredSize }) => [
      name,
      size,
      configuredSize,
    ]);
    assert.deepEqual(volumes, [
      ["tight", 80 * mebi, 80 * mebi],
      ["roomy", 80 * mebi, 80 * mebi],
    ]);
  });
});
