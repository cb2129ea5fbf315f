/** A connection that breaks in the middle of a backup: the run tries again by itself, and sends little twice. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Over, sceneOver, volumeOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";
import { makeManyFiles } from "../../harness/tree.ts";
import { until } from "../../harness/until.ts";

const source = "/tmp/retry-source";
const bigBytes = 120_000_000;
const smallBytes = 100_000;
const smallFiles = 250;
/**
 * Of what an undisturbed backup sends, so much may be sent twice. What btrfs has not committed is lost: five seconds of the link, and what it
 * takes then to write the commit down behind all that waits already.
 */
const allowances = { ext4: 0.1, btrfs: 0.25 };

export function describeRetry(over: Over): void {
  describe(`a backup whose connection breaks ${over.way}`, () => {
    const allowance = allowances[over.filesystem ?? "ext4"];
    const scene = Scene.set({
      ...sceneOver(over),
      runs: "{ attempts: 4, firstWait: 2s, longestWait: 2s }",
      prepare: async () => {
        await makeManyFiles(source, smallFiles, smallBytes);
        await writeFile(join(source, "big"), randomBytes(bigBytes));
      },
      config: `
volumes:
  undisturbed: { remote: vault, image: undisturbed.luks, ${volumeOver(over, 256)} }
  disturbed: { remote: vault, image: disturbed.luks, ${volumeOver(over, 256)} }
jobs:
  undisturbed: { volume: undisturbed, sources: [${source}] }
  disturbed: { volume: disturbed, sources: [${source}] }
`,
      volumes: ["undisturbed", "disturbed"],
    });

    it("shows that it waits, goes on where it was, and sends little twice", async (context) => {
      const { agent, host } = scene;
      await host.setLink({ rttMs: 10, mbit: 20 });
      const sent = async () => (await host.wireBytes()).sent;

      const beforeUndisturbed = await sent();
      assertDone(await agent.backup("undisturbed"));
      const undisturbed = (await sent()) - beforeUndisturbed;

      const before = await sent();
      const { run: started } = await agent.startBackup("disturbed");
      const id = started?.id ?? "";
      await until(async () => (await sent()) - before > 0.6 * undisturbed, "more than half of it is sent");
      await host.stop();
      await until(async () => (await agent.status()).running[0]?.retry?.nextAt !== undefined, "it waits");
      const [waiting] = (await agent.status()).running;
      assert.equal(waiting?.id, id);
      assert.equal(waiting?.retry?.attempts, 4);
      assert.equal(waiting?.retry?.error?.code, "lost");
      await host.start();
      const followed = await agent.follow(id);
      assertDone(followed);
      const disturbed = (await sent()) - before;
      const twice = disturbed / undisturbed - 1;
      context.diagnostic(`undisturbed ${undisturbed} B, cut once ${disturbed} B: ${(100 * twice).toFixed(1)} % more`);
      assert.ok(twice <= allowance, `${(100 * twice).toFixed(1)} % more were sent`);

      await host.setLink({ rttMs: 10, mbit: 100 });
      const verified = await agent.verify("disturbed");
      assertDone(verified);
      assert.equal(verified.run.totals?.filesEqual, smallFiles + 1);
    });
  });
}
