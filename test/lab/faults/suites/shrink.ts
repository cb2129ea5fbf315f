/** Shrinking that is broken off at each of its steps: nothing is lost, and the next command ends it, or goes on with the volume as it was. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { hasErrno } from "../../../../common/errors.ts";
import { cheapKdf, stateDir } from "../../harness/lab-agent.ts";
import { byHand } from "../../harness/opened-by-hand.ts";
import { type Over, sceneOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";

const source = "/tmp/shrinking-source";
const files = 30;
const mebi = 2 ** 20;
const stepMiB = 8;
const endMiB = 30;
/** So much of a volume is filled; btrfs needs room to move anything. */
const filledParts = { ext4: 1, btrfs: 0.6 };
const keyFile = "/etc/luksmith/keys/home.key";

const apart = [
  ["stepBegan", "check the file system"],
  ["stepBegan", "shrink the file system"],
  ["stepEnded", "shrink the file system"],
  ["stepBegan", "write the moved blocks down"],
  ["stepEnded", "write the moved blocks down"],
] as const;
const mounted = [["stepBegan", "shrink the file system"] as const, ["stepEnded", "shrink the file system"] as const];
const last = [
  ["stepBegan", "make the image smaller"],
  ["stepEnded", "make the image smaller"],
] as const;

/** With files of 1 MiB, each of bytes of its number. @returns how many there was room for */
async function fill(directory: string, wanted: number): Promise<number> {
  for (let file = 0; file < wanted; file += 1) {
    const path = join(directory, `fill${file}`);
    try {
      await writeFile(path, Buffer.alloc(mebi, file));
    } catch (error) {
      if (!hasErrno(error, "ENOSPC")) throw error;
      await rm(path);
      return file;
    }
  }
  return wanted;
}

/** @param firstMiB the size that the volume begins with */
export function describeInterruptedShrinking(over: Over, filesystem: "ext4" | "btrfs", firstMiB: number): void {
  describe(`shrinking ${filesystem} ${over.way}, broken off`, () => {
    const scene = Scene.set({
      ...sceneOver(over),
      prepare: async () => {
        await mkdir(source, { recursive: true });
        for (let index = 0; index < files; index += 1)
          await writeFile(join(source, `f${index}`), `${index}\n`.repeat(999));
      },
      config: `
volumes: { home: { remote: vault, image: home.luks, size: ${firstMiB}M, filesystem: ${filesystem}, ${cheapKdf} } }
jobs: { docs: { volume: home, sources: [${source}] } }
`,
      volumes: ["home"],
    });
    const wantedMiB = Math.ceil((firstMiB - 16) * filledParts[filesystem]);
    let filledMiB = 0;
    let sizeMiB = firstMiB;
    const image = () => join(scene.host.imagesPath, "home.luks");
    const smallerConfig = (config: string) => config.replace(`size: ${firstMiB}M`, `size: ${sizeMiB}M`);
    const pinned = async () => JSON.parse(await readFile(`${stateDir}/volumes/home/pin.json`, "utf8"));

    /** And there the agent is killed. */
    const shrinkUntil = async (when: "stepBegan" | "stepEnded", step: string) => {
      sizeMiB -= stepMiB;
      await scene.agent.stop();
      await scene.startAgent(smallerConfig);
      const id = await scene.agent.startResize("home", { shrink: true });
      let killed: Promise<number> | undefined;
      await scene.agent
        .follow(id, ({ kind }) => {
          if (kind?.$case === when && kind.value.step === step) killed ??= scene.agent.stop("SIGKILL");
        })
        .catch(() => undefined);
      assert.ok(killed, "it got so far");
      await killed;
    };

    const moments = [...(filesystem === "ext4" ? apart : mounted), ...last];
    for (const [index, [when, step]] of moments.entries()) {
      it(`by a kill, ${when}: ${step}`, async () => {
        if (index === 0) {
          // what has to be moved, in each of the tests some of it
          await byHand(image(), keyFile, async (directory) => {
            filledMiB = await fill(directory, wantedMiB);
            assert.ok(filledMiB > endMiB + (moments.length + 1) * stepMiB);
            for (let file = 0; file < filledMiB - endMiB; file += 1) await rm(join(directory, `fill${file}`));
          });
          assertDone(await scene.agent.backup("docs"));
        }
        await shrinkUntil(when, step);
        assert.ok((await stat(image())).size >= (await pinned()).imageBytes);
        await scene.startAgent(smallerConfig);
        // one that only reads, or only writes, finds the volume in order
        if (index % 3 === 0) assert.equal((await scene.agent.verify("docs")).run.totals?.filesEqual, files);
        if (index % 3 === 1) assertDone(await scene.agent.backup("docs"));
        assertDone(await scene.agent.resize("home", { shrink: true }));
        assert.deepEqual([(await pinned()).imageBytes, (await pinned()).pending], [sizeMiB * mebi, undefined]);
        assert.equal((await stat(image())).size, sizeMiB * mebi);
        assertDone(await scene.agent.check("home"));
        assert.equal((await scene.agent.verify("docs")).run.totals?.filesEqual, files);
      });
    }

    it("before its image was cut, and then made larger, has an image of that size", async () => {
      await shrinkUntil("stepBegan", "make the image smaller");
      sizeMiB += stepMiB / 2;
      await scene.startAgent(smallerConfig);
      assertDone(await scene.agent.resize("home"));
      assert.deepEqual([(await pinned()).imageBytes, (await pinned()).pending], [sizeMiB * mebi, undefined]);
      assert.equal((await stat(image())).size, sizeMiB * mebi);
      assertDone(await scene.agent.check("home"));
    });

    it("has lost nothing of what had to be moved", async () => {
      await byHand(image(), keyFile, async (directory) => {
        assert.ok(filledMiB > 0);
        for (let file = filledMiB - endMiB; file < filledMiB; file += 1) {
          // a difference of two such files would be longer than there is memory for
          const is = await readFile(join(directory, `fill${file}`));
          assert.ok(is.equals(Buffer.alloc(mebi, file)), `fill${file}`);
        }
      });
    });
  });
}
