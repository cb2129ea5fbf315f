/** A backup host that answers, and does not do what it is asked to. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import {
  endlessFiles,
  endlessJob,
  endlessSource,
  makeEndlessSource,
  startEndlessBackup,
} from "../../harness/endless-backup.ts";
import { cheapKdf } from "../../harness/lab-agent.ts";
import { byHand } from "../../harness/opened-by-hand.ts";
import { type Over, sceneOver } from "../../harness/over.ts";
import { limitOwner } from "../../harness/quota.ts";
import { assertDone, Scene } from "../../harness/scene.ts";

const exec = promisify(execFile);
const big = "/tmp/host-trouble-source";
const bigFiles = 18;
const storageBytes = 112 * 2 ** 20;
const inJournal = "in-the-journal";
const journaledDirectories = 300;

export function describeBackupHost(over: Over): void {
  describe(`a backup host ${over.way}`, () => {
    const scene = Scene.set({
      ...sceneOver(over),
      storageBytes,
      prepare: async () => {
        await makeEndlessSource();
        await mkdir(big);
        for (let index = 0; index < bigFiles; index += 1) await writeFile(join(big, `f${index}`), randomBytes(2 ** 20));
      },
      config: `
volumes:
  home: { remote: vault, image: home.luks, size: 128M, ${cheapKdf} }
jobs:
  ${endlessJob}
  docs: { volume: home, sources: [${endlessSource}] }
  big: { volume: home, sources: [${big}] }
`,
      volumes: ["home"],
    });
    const image = () => join(scene.host.imagesPath, "home.luks");

    it("that is full is called so, and what is finished can be read", async () => {
      const { agent, host } = scene;
      assertDone(await agent.backup("docs"));
      const { bavail, bsize } = await statfs(host.storagePath);
      const ballast = join(host.storagePath, "ballast");
      await writeFile(ballast, Buffer.alloc(bavail * bsize - 8 * 2 ** 20, 1));
      const { run } = await agent.backup("big");
      assert.equal(run.state, RunState.FAILED);
      assert.equal(run.error?.code, "full", run.error?.message);
      assert.match(run.error?.message ?? "", /the backup host is full: vault has/);

      const verified = await agent.verify("docs");
      assertDone(verified);
      assert.equal(verified.run.totals?.filesEqual, endlessFiles);
      assertDone(await agent.restore("docs", "/tmp/host-trouble-restored"));

      await rm(ballast);
      assertDone(await agent.backup("big"));
      const whole = await agent.verify("big");
      assertDone(whole);
      assert.equal(whole.run.totals?.filesEqual, bigFiles);
      assert.deepEqual(await readdir(host.imagesPath), ["home.luks"]);
    });

    it("that is full when a journal is to be replayed loses nothing of it", async () => {
      const { agent, host } = scene;
      const keyFile = "/etc/luksmith/keys/home.key";
      await leaveJournal(image(), keyFile);
      const ballast = join(host.storagePath, "ballast");
      const { bavail, bsize } = await statfs(host.storagePath);
      await writeFile(ballast, Buffer.alloc(bavail * bsize - 128 * 2 ** 10, 1));

      const verified = await agent.verify("docs");
      assertDone(verified);
      assert.match(verified.warnings.join("\n"), /reading without what is in the journal/);
      for (const work of [
        () => agent.backup("docs"),
        () => agent.check("home"),
        () => agent.check("home", { repair: true }),
      ]) {
        const { run } = await work();
        assert.equal(run.state, RunState.FAILED);
        assert.equal(run.error?.code, "full", run.error?.message);
      }

      await rm(ballast);
      assertDone(await agent.check("home"));
      await byHand(image(), keyFile, async (directory) => {
        assert.equal((await readdir(join(directory, inJournal))).length, journaledDirectories);
        await rm(join(directory, inJournal), { recursive: true });
      });
      assertDone(await agent.backup("docs"));
    });

    it("where the user has used up a quota says so, and what is finished can be read", async () => {
      const { agent, host } = scene;
      for (let index = 0; index < bigFiles; index += 1) await writeFile(join(big, `f${index}`), randomBytes(2 ** 20));
      await limitOwner(host.imagesPath, 4 * 2 ** 20);
      const { run } = await agent.backup("big");
      assert.equal(run.state, RunState.FAILED);
      assert.equal(run.error?.code, "full", run.error?.message);
      assert.match(run.error?.message ?? "", /takes no more data for volume home, although vault has room/);
      assert.match(run.error?.hint ?? "", /quota/);
      assertDone(await agent.verify("docs"));

      await limitOwner(host.imagesPath, undefined);
      assertDone(await agent.prune("big", { partial: true }));
      assertDone(await agent.backup("big"));
      const whole = await agent.verify("big");
      assertDone(whole);
      assert.equal(whole.run.totals?.filesEqual, bigFiles);
    });

    // the helper is root, whatever the modes are
    const overSftp = over.helper === undefined ? {} : { skip: "of SFTP alone" };

    it(
      "that takes the image's permissions away is told what is wrong, and a run that has it goes on",
      overSftp,
      async () => {
        const { agent } = scene;
        await chmod(image(), 0o000);
        const closed = (await agent.backup("docs")).run;
        assert.equal(closed.state, RunState.FAILED);
        assert.match(closed.error?.message ?? "", /home\.luks cannot be (opened|written) on the backup host/);
        await chmod(image(), 0o400);
        const readOnly = (await agent.backup("docs")).run;
        assert.match(readOnly.error?.message ?? "", /home\.luks cannot be written on the backup host/);
        assertDone(await agent.verify("docs"));
        await chmod(image(), 0o600);
        const { run: started } = await agent.startBackup("docs");
        const followed = agent.follow(started?.id ?? "", ({ kind }) => {
          if (kind?.$case === "stepBegan" && kind.value.step === "mount") void chmod(image(), 0o000);
        });
        assertDone(await followed);
        await chmod(image(), 0o600);
      },
    );

    it("whose directory cannot be written to can still be read from", overSftp, async () => {
      const { agent, host } = scene;
      await chmod(host.imagesPath, 0o500);
      const written = (await agent.backup("docs")).run;
      assert.equal(written.state, RunState.FAILED);
      assert.match(written.error?.message ?? "", /no lease can be written/);
      const verified = await agent.verify("docs");
      assertDone(verified);
      assert.match(verified.warnings.join("\n"), /reading without one/);
      await chmod(host.imagesPath, 0o700);
    });

    it("that deletes the image during a run does not get away with it", async () => {
      const { agent } = scene;
      const id = await startEndlessBackup(agent);
      await rename(image(), `${image()}.kept`);
      await agent.cancel(id);
      await agent.follow(id);
      await rename(`${image()}.kept`, image());

      const { run: started } = await agent.startBackup("docs");
      const { run: ended } = await agent.follow(started?.id ?? "", ({ kind }) => {
        if (kind?.$case === "stepBegan" && kind.value.step === "mount") void rename(image(), `${image()}.kept`);
      });
      assert.equal(ended.state, RunState.FAILED);
      assert.equal(ended.error?.code, "not_found", ended.error?.message);
      assert.match(ended.error?.message ?? "", /was deleted on the backup host during the run/);
      await rename(`${image()}.kept`, image());
      assertDone(await agent.backup("docs"));
    });
  });
}

/** The image as it is when the machine goes down: what has been synced stands in the journal, and nowhere else. */
async function leaveJournal(image: string, keyFile: string): Promise<void> {
  const torn = "/tmp/torn.luks";
  await byHand(image, keyFile, async (directory) => {
    const journaled = join(directory, inJournal);
    await mkdir(journaled);
    for (let index = 0; index < journaledDirectories; index += 1) await mkdir(join(journaled, `d${index}`));
    const last = await open(journaled);
    await last.sync();
    await last.close();
    await exec("cp", ["--sparse=always", image, torn]);
  });
  await exec("cp", ["--sparse=always", torn, image]);
  await rm(torn);
}
