/** What luksmith finds that it has not left so: in the volume, and on this machine. */

import assert from "node:assert/strict";
import { mkdir, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessSource, makeEndlessSource } from "../harness/endless-backup.ts";
import { stateDir } from "../harness/lab-agent.ts";
import { byHand } from "../harness/opened-by-hand.ts";
import { assertDone, homeAndDocs, Scene } from "../harness/scene.ts";

describe("what somebody else has done to", () => {
  const scene = Scene.set({ prepare: makeEndlessSource, config: homeAndDocs(endlessSource), volumes: ["home"] });
  const inVolume = (work: (jobDirectory: string) => Promise<void>) =>
    byHand(join(scene.host.imagesPath, "home.luks"), "/etc/luksmith/keys/home.key", (directory) =>
      work(join(directory, "docs")),
    );
  const assertWhole = async () => {
    assertDone(await scene.agent.backup("docs"));
    const verified = await scene.agent.verify("docs");
    assertDone(verified);
    assert.equal(verified.run.totals?.filesEqual, endlessFiles);
  };

  it("a snapshot, deleted by hand: the others are there, and the next is whole", async () => {
    assertDone(await scene.agent.backup("docs"));
    await assertWhole();
    await inVolume(async (directory) => {
      await rm(join(directory, await readlink(join(directory, "latest"))), { recursive: true });
    });
    assert.equal((await scene.agent.snapshots("docs")).length, 1);
    assertDone(await scene.agent.verify("docs"));
    assertDone(await scene.agent.restore("docs", "/tmp/restored-older"));
    await assertWhole();
  });

  it("latest, which leads nowhere, or anywhere: it is put right, and never followed", async () => {
    for (const target of ["2020-01-01T00-00-00Z", "../../../../etc"]) {
      await inVolume(async (directory) => {
        await rm(join(directory, "latest"));
        await symlink(target, join(directory, "latest"));
      });
      assertDone(await scene.agent.verify("docs"));
      await assertWhole();
      await inVolume(async (directory) => {
        assert.ok((await readdir(directory)).includes(await readlink(join(directory, "latest"))));
      });
    }
  });

  it("an unfinished snapshot: half of it, a file, another's", async () => {
    await inVolume(async (directory) => {
      const partial = join(directory, "2026-01-01T00-00-00Z.partial", endlessSource);
      await mkdir(partial, { recursive: true });
      await writeFile(join(partial, "f0"), "not what it should be");
      await writeFile(join(partial, ".f1.aB3xYz"), Buffer.alloc(2_000_000, 7));
      await writeFile(join(partial, "no such file on the machine"), "x");
    });
    await assertWhole();
    await inVolume(async (directory) => {
      assert.deepEqual(
        (await readdir(directory)).filter((name) => name.endsWith(".partial")),
        [],
      );
    });
  });

  it("the history of runs: it is moved aside, that is said, and it is read back from the volumes", async () => {
    const backups = async () =>
      (await scene.agent.runs({ job: "docs", limit: 100 })).runs
        .filter(({ verb, state }) => verb === Verb.BACKUP && state === RunState.DONE)
        .map(({ id, snapshot, totals }) => [id, snapshot, totals?.files, totals?.bytes, totals?.bytesCopied]);
    const snapshots = new Set((await scene.agent.snapshots("docs")).map(({ name }) => name));
    const before = (await backups()).filter(([, snapshot]) => snapshots.has(`${snapshot}`));
    assert.equal(before.length, snapshots.size);
    assert.equal(await scene.agent.stop(), 0);
    await writeFile(join(stateDir, "agent.db"), Buffer.alloc(20_000, "garbage"));
    await scene.startAgent();
    assert.match(scene.agent.log.join(""), /the history of runs was damaged: moved aside/);
    assert.ok((await readdir(stateDir)).includes("agent.db.damaged"));
    const [reading] = (await scene.agent.status()).running;
    assertDone(await scene.agent.follow(reading?.id ?? "last"));
    assert.deepEqual(await backups(), before);
    assert.equal((await scene.agent.status()).jobs.find(({ job }) => job === "docs")?.lastGood?.id, before[0]?.[0]);
    await assertWhole();
    // once is enough
    assert.equal(await scene.agent.stop(), 0);
    await scene.startAgent();
    assert.deepEqual((await scene.agent.status()).running, []);
  });
});
