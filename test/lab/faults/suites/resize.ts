/** Growing that is broken off at each of its steps, by the end of the agent or of the connection: the next command ends it. */

import assert from "node:assert/strict";
import { mkdir, readFile, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type RunEvent, RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, stateDir } from "../../harness/lab-agent.ts";
import { byHand } from "../../harness/opened-by-hand.ts";
import { type Over, sceneOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";

const source = "/tmp/growing-source";
const mebi = 2 ** 20;
const stepMiB = 16;

type Moment = readonly ["stepBegan" | "stepEnded", string];

const moments: readonly Moment[] = [
  ["stepBegan", "make the image larger"],
  ["stepEnded", "make the image larger"],
  ["stepBegan", "pin the size"],
  ["stepEnded", "pin the size"],
  ["stepEnded", "mount"],
  ["stepBegan", "grow the file system"],
  ["stepEnded", "grow the file system"],
  ["stepBegan", "detach"],
];

function isAt({ kind }: RunEvent, [when, step]: Moment): boolean {
  return kind?.$case === when && kind.value.step === step;
}

/** @param firstMiB the size that the volume begins with */
export function describeInterruptedGrowth(over: Over, filesystem: "ext4" | "btrfs", firstMiB: number): void {
  describe(`growing ${filesystem} ${over.way}, broken off`, () => {
    const scene = Scene.set({
      ...sceneOver(over),
      prepare: async () => {
        await mkdir(source, { recursive: true });
        await writeFile(join(source, "letter"), "dear all\n");
      },
      config: `
volumes: { home: { remote: vault, image: home.luks, size: ${firstMiB}M, filesystem: ${filesystem}, ${cheapKdf} } }
jobs: { docs: { volume: home, sources: [${source}] } }
`,
      volumes: ["home"],
    });
    let sizeMiB = firstMiB;
    const image = () => join(scene.host.imagesPath, "home.luks");
    const pinned = async () =>
      JSON.parse(await readFile(`${stateDir}/volumes/home/pin.json`, "utf8")) as {
        imageBytes: number;
        pending?: string;
      };
    const grownConfig = (config: string) => config.replace(`size: ${firstMiB}M`, `size: ${sizeMiB}M`);

    /** What is below is never smaller than what is above. */
    const assertSound = async () => {
      const { size } = await stat(image());
      const { imageBytes } = await pinned();
      assert.ok(size >= imageBytes, `the image has ${size} bytes, ${imageBytes} are pinned`);
    };
    /** All that there is, and as large as it was to become. */
    const assertGrown = async () => {
      const { imageBytes, pending } = await pinned();
      assert.deepEqual({ imageBytes, pending }, { imageBytes: sizeMiB * mebi, pending: undefined });
      await byHand(image(), "/etc/luksmith/keys/home.key", async (directory) => {
        const { blocks, bsize } = await statfs(directory);
        assert.ok(blocks * bsize > 0.75 * (sizeMiB - 16) * mebi, `the file system has ${blocks * bsize} bytes`);
      });
    };

    for (const [index, moment] of moments.entries()) {
      it(`by a kill, ${moment.join(": ")}`, async () => {
        sizeMiB += stepMiB;
        await scene.agent.stop();
        await scene.startAgent(grownConfig);
        const id = await scene.agent.startResize("home");
        let killed: Promise<number> | undefined;
        await scene.agent
          .follow(id, (event) => {
            if (isAt(event, moment)) killed ??= scene.agent.stop("SIGKILL");
          })
          .catch(() => undefined);
        assert.ok(killed, "it got so far");
        await killed;
        await assertSound();
        await scene.startAgent(grownConfig);
        // one that only writes does not mind, and ends what was begun of the file system
        if (index % 2 === 0) assertDone(await scene.agent.backup("docs"));
        assertDone(await scene.agent.resize("home"));
        await assertGrown();
      });
    }

    for (const moment of moments.filter(([when]) => when === "stepBegan")) {
      it(`by a connection that breaks, ${moment.join(": ")}`, async () => {
        sizeMiB += stepMiB;
        await scene.agent.stop();
        await scene.startAgent(grownConfig);
        const id = await scene.agent.startResize("home");
        let cut: Promise<void> | undefined;
        const { run } = await scene.agent.follow(id, (event) => {
          if (isAt(event, moment)) cut ??= scene.host.stop();
        });
        assert.ok(cut, "it got so far");
        await cut;
        assert.ok(run.state === RunState.FAILED || run.state === RunState.DONE, run.summary);
        await scene.host.start();
        await assertSound();
        assertDone(await scene.agent.backup("docs"));
        assertDone(await scene.agent.resize("home"));
        assertDone(await scene.agent.verify("docs"));
        await assertGrown();
      });
    }
  });
}
