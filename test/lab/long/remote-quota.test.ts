/** What a machine may store is limited by the file system itself, as `--quota` asks for, and what it meets then is said in words. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, chown, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { before, describe, it } from "node:test";
import { assertDone } from "../harness/scene.ts";
import { SetupScene, setupSource, setupUser } from "../harness/setup-scene.ts";

const mebi = 2 ** 20;
const quotaBytes = 40 * mebi;
const large = join(setupSource, "large");

for (const { type, reflinks, storageBytes, limitOf } of [
  {
    type: "ext4",
    reflinks: false,
    storageBytes: 256 * mebi,
    limitOf: async (scene: SetupScene, directory: string, uid: number) =>
      // quota(1) and repquota(8): blocks used, soft and hard limit
      new RegExp(`^#${uid}\\s+\\S+\\s+\\d+\\s+\\d+\\s+(\\d+)`, "m").exec(
        await scene.host.run("repquota", "--user", "--no-names", dirname(directory)),
      )?.[1],
  },
  {
    type: "btrfs",
    reflinks: true,
    storageBytes: 512 * mebi,
    limitOf: async (scene: SetupScene, directory: string) =>
      /^0\/\d+\s+\d+\s+\d+\s+(\d+)/m.exec(
        await scene.host.run("btrfs", "qgroup", "show", "--raw", "-r", "-f", directory),
      )?.[1],
  },
]) {
  describe(`a quota on ${type}`, () => {
    const scene = SetupScene.set({ storageBytes, reflinks });
    let directory = "";

    before(async () => {
      const root = scene.host.storagePath;
      directory = join(root, "web01");
      // nobody but root may have a hand in what is above a machine's directory
      await chown(root, 0, 0);
      await chmod(root, 0o755);
      if (type === "btrfs") await scene.host.run("btrfs", "quota", "enable", root);
    });

    it("is set, once", async () => {
      const done = await scene.setUpByHand({ directory, quotaBytes });
      assert.equal(done.exitCode, 0, done.said);
      assert.match(done.said, /limit what lm-web01 may store to 40\.0 MiB/);
      const again = await scene.setUpByHand({ directory, quotaBytes });
      assert.match(again.said, /^nothing is to be done$/m, again.said);
    });

    it("lets no more be stored, and a run that meets it says so", async () => {
      assertDone(await scene.agent.create("home"));
      assertDone(await scene.agent.backup("docs"));
      await writeFile(large, randomBytes(quotaBytes));
      const { run } = await scene.agent.backup("docs");
      assert.equal(run.error?.code, "full", run.error?.message);
      assert.match(run.error?.message ?? "", /takes no more data for volume home, although vault has room/);
      assert.match(run.error?.hint ?? "", /quota/);
      const checked = await scene.luksmith("remote", "check", "vault");
      assert.equal(checked.exitCode, 1, checked.said);
      assert.match(checked.said, /^no +room: the machine's user has used up its quota/m);

      await rm(large);
      const larger = await scene.setUpByHand({ directory, quotaBytes: 2 * quotaBytes });
      assert.equal(larger.exitCode, 0, larger.said);
      assertDone(await scene.agent.backup("docs"));
      assertDone(await scene.agent.verify("docs"));
    });

    it("is lifted when the machine is taken back", async () => {
      const { uid } = await stat(directory);
      assert.match((await limitOf(scene, directory, uid)) ?? "", /^[1-9]\d*$/, "there is a limit");
      const removed = await scene.removeByHand(setupUser);
      assert.equal(removed.exitCode, 0, removed.said);
      const limit = await limitOf(scene, directory, uid);
      assert.ok([undefined, "0"].includes(limit), limit);
    });
  });
}
