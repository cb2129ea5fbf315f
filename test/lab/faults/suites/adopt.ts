/** An adoption that is broken off at each of its steps: adopting again ends it, and nothing is lost or twice there. */

import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { RunEvent } from "../../../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf } from "../../harness/lab-agent.ts";
import { type Over, sceneOver } from "../../harness/over.ts";
import { makeByRecipe } from "../../harness/recipe.ts";
import { assertDone, Scene } from "../../harness/scene.ts";

const source = "/tmp/adopted-source";
const passphrase = "correct horse";
const files = 30;
const moments = [
  ["stepBegan", "pin the header"],
  ["stepEnded", "pin the header"],
  ["stepBegan", "rename"],
  ["stepEnded", "rename"],
  ["stepBegan", "write what it is"],
  ["stepEnded", "write what it is"],
  ["stepBegan", "detach"],
] as const;

export function describeInterruptedAdoption(over: Over, filesystem: "ext4" | "btrfs", sizeMiB: number): void {
  describe(`adopting ${filesystem} ${over.way}, broken off`, () => {
    const names = moments.map((_, index) => `v${index}`);
    const scene = Scene.set({
      ...sceneOver(over),
      prepare: async () => {
        await rm(source, { recursive: true, force: true });
        await mkdir(source, { recursive: true });
        for (let index = 0; index < files; index += 1) await writeFile(join(source, `f${index}`), `${index}\n`);
      },
      config: `
volumes:
${names.map((name) => `  ${name}: { remote: vault, image: ${name}.luks, size: ${sizeMiB}M, ${cheapKdf} }`).join("\n")}
jobs:
${names.map((name) => `  ${name}: { volume: ${name}, sources: [${source}] }`).join("\n")}
`,
      volumes: [],
    });
    before(async () => {
      for (const name of names) {
        const recipe = { image: `${name}.luks`, sizeMiB, passphrase, sectorBytes: 4096, filesystem, source } as const;
        await makeByRecipe(scene.host, recipe);
      }
    });

    for (const [index, moment] of moments.entries()) {
      it(`by a kill, ${moment.join(": ")}`, async () => {
        const name = `v${index}`;
        const asked = () => ({ passphrase: Buffer.from(passphrase) });
        const [when, step] = moment;
        let detaches = 0;
        const isNow = ({ kind }: RunEvent) => {
          if (kind?.$case !== when || kind.value.step !== step) return false;
          detaches += 1;
          // the first one is after the header was read
          return step !== "detach" || detaches === 2;
        };
        const id = await scene.agent.startAdopt(name, name, asked());
        let killed: Promise<number> | undefined;
        await scene.agent
          .follow(id, (event) => {
            if (isNow(event)) killed ??= scene.agent.stop("SIGKILL");
          })
          .catch(() => undefined);
        assert.ok(killed, "it got so far");
        await killed;
        await scene.startAgent();
        assertDone(await scene.agent.adopt(name, name, asked()));
        assert.equal((await scene.agent.snapshots(name)).length, 1);
        // that of before, the agent's and one recovery passphrase: of what was broken off none is left
        assert.equal((await scene.agent.keys(name)).slots.length, 3);
        const backup = await scene.agent.backup(name);
        assertDone(backup);
        assert.equal(backup.run.totals?.filesCopied, 0);
        assert.equal((await scene.agent.verify(name)).run.totals?.filesEqual, files);
        assertDone(await scene.agent.check(name));
      });
    }
  });
}
