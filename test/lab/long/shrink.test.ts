/** A volume that is larger than its configuration says: it becomes smaller when that is asked for, and not by itself. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cheapKdf, type Followed, stateDir } from "../harness/lab-agent.ts";
import { byHand } from "../harness/opened-by-hand.ts";
import { assertDone, Scene } from "../harness/scene.ts";

const little = "/tmp/little-source";
const mebi = 2 ** 20;
const files = 40;

async function makeSource(): Promise<void> {
  await mkdir(little);
  for (let index = 0; index < files; index += 1) await writeFile(join(little, `f${index}`), `${index}\n`.repeat(3000));
}

function smallestOf({ events }: Followed): number {
  const notes = events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
  return Number(/the smallest size that volume \S+ could have now is (\d+)M/.exec(notes.join("\n"))?.[1]);
}

describe("a volume", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: `
volumes:
  roomy: { remote: vault, image: roomy.luks, size: 144M, ${cheapKdf} }
  sub: { remote: vault, image: sub.luks, size: 400M, filesystem: btrfs, ${cheapKdf} }
jobs:
  little: { volume: roomy, sources: [${little}] }
  others: { volume: sub, sources: [${little}] }
`,
    volumes: ["roomy", "sub"],
  });
  const image = (volume: string) => join(scene.host.imagesPath, `${volume}.luks`);
  const sizeMiB = async (volume: string) => (await stat(image(volume))).size / mebi;

  it("is not made smaller without being asked for, nor than what is in it", async () => {
    // of a file system that has been filled once, some lies at its end
    await byHand(image("roomy"), "/etc/luksmith/keys/roomy.key", async (directory) => {
      await mkdir(join(directory, "end"));
      for (let index = 0; index < 50; index += 1)
        await writeFile(join(directory, "end", `f${index}`), Buffer.alloc(mebi, index));
    });
    assertDone(await scene.agent.backup("little"));
    assertDone(await scene.agent.backup("others"));
    assert.equal(await scene.agent.stop(), 0);
    await scene.startAgent((config) => config.replace("size: 144M", "size: 64M"));
    const refused = await scene.agent.resize("roomy");
    assert.equal(refused.run.error?.code, "usage");
    assert.match(refused.run.error?.hint ?? "", /luksmith volume resize roomy --shrink/);
    for (const options of [{ dryRun: true }, { shrink: true }]) {
      const tooSmall = await scene.agent.resize("roomy", options);
      assert.equal(tooSmall.run.error?.code, "usage");
      assert.match(tooSmall.run.error?.message ?? "", /with what is in it now it takes \d+M at least/);
      assert.ok(smallestOf(tooSmall) > 64 && smallestOf(tooSmall) <= 130, `${smallestOf(tooSmall)}`);
    }
    assertDone(await scene.agent.backup("little"));
    assert.equal(await sizeMiB("roomy"), 144);
  });

  it("is made smaller, whatever file system is in it, and its files are what they were", async () => {
    await byHand(image("roomy"), "/etc/luksmith/keys/roomy.key", async (directory) => {
      // what is left lies at the end and has to be moved
      for (let index = 0; index < 40; index += 1) await rm(join(directory, "end", `f${index}`));
    });
    assert.equal(await scene.agent.stop(), 0);
    await scene.startAgent((config) => config.replace("size: 144M", "size: 96M").replace("size: 400M", "size: 300M"));
    for (const [volume, job, wanted] of [
      ["roomy", "little", 96],
      ["sub", "others", 300],
    ] as const) {
      assertDone(await scene.agent.resize(volume, { shrink: true }));
      assert.equal(await sizeMiB(volume), wanted);
      const pin = JSON.parse(await readFile(`${stateDir}/volumes/${volume}/pin.json`, "utf8"));
      assert.deepEqual([pin.imageBytes, pin.pending], [wanted * mebi, undefined]);
      assertDone(await scene.agent.check(volume));
      assert.equal((await scene.agent.verify(job)).run.totals?.filesEqual, files);
      assertDone(await scene.agent.backup(job));
    }
    await byHand(image("roomy"), "/etc/luksmith/keys/roomy.key", async (directory) => {
      for (let index = 40; index < 50; index += 1) {
        assert.deepEqual(await readFile(join(directory, "end", `f${index}`)), Buffer.alloc(mebi, index));
      }
      const { blocks, bsize } = await statfs(directory);
      assert.ok(blocks * bsize <= 80 * mebi);
    });
  });
});
