/** Another volume key: refused where somebody would be locked out, interrupted, and gone on with. */

import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { assertSettled, dump, opens, opensBoth, pinned, storedHeader, storedIn } from "./harness/key-scene.ts";
import { cli, type Followed, stateDir } from "./harness/lab-agent.ts";
import { byHand } from "./harness/opened-by-hand.ts";
import { overTcp, sceneOver } from "./harness/over.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/reencrypt-source";
const passphrase = "a passphrase of somebody";
const passphraseFile = "/tmp/passphrase";
const olderHeader = "/tmp/older-header";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "file"), "kept\n".repeat(100_000));
  await writeFile(passphraseFile, passphrase);
}

describe("a volume that gets another volume key", () => {
  const scene = Scene.set({
    ...sceneOver(overTcp),
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });
  const digestOf = async () => JSON.stringify(JSON.parse(await dump(pinned)).digests);
  const isPending = async () => (await readFile(`${stateDir}/volumes/home/pin.json`, "utf8")).includes("reencrypt");
  let keep: { slot: number; key: Buffer }[] = [];

  /** What a person does who has the image and a passphrase, and nothing of this machine. */
  async function assertOpensByHand(meanwhile = () => Promise.resolve()): Promise<void> {
    await copyFile(storedIn(scene), "/tmp/image");
    await meanwhile();
    await byHand("/tmp/image", passphraseFile, async (directory) => {
      const kept = await readFile(join(directory, "docs/latest", source, "file"), "utf8");
      assert.equal(kept, "kept\n".repeat(100_000));
    });
    await rm("/tmp/image");
  }

  /** @param act once a part of the data is done */
  async function interrupted(act: (id: string) => unknown): Promise<Followed | undefined> {
    const id = await scene.agent.startReencrypt("home", { keep, dropOthers: true });
    let isActed = false;
    return await scene.agent
      .follow(id, ({ kind }) => {
        if (isActed || kind?.$case !== "progress" || kind.value.step !== "re-encrypt") return;
        isActed = true;
        act(id);
      })
      .catch(() => undefined);
  }

  it("is not touched while that would lock somebody out who is not named", async () => {
    assertDone(await scene.agent.addKey("home", passphrase));
    assertDone(await scene.agent.backup("docs"));
    const before = await readFile(pinned);
    const refused = await cli(["key", "reencrypt", "home"]);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /slot 1 \(a recovery passphrase\), slot 2 \(added by somebody\)/);
    assert.match(refused.stderr, /luksmith key reencrypt home --keep 1 --keep 2/);
    const wrong = await cli(["key", "reencrypt", "home", "--keep", "2", "--drop-others"], { stdin: "not that one\n" });
    assert.equal(wrong.exitCode, 12, wrong.stderr);
    const dry = await cli(["key", "reencrypt", "home", "--keep", "2", "--drop-others", "--dry-run"]);
    assert.equal(dry.exitCode, 0, dry.stderr);
    assert.match(dry.stdout + dry.stderr, /slot 1 \(a recovery passphrase\) is given up/);
    assert.ok(before.equals(await readFile(pinned)));
    assert.ok(!(await isPending()));
    await assertSettled(scene);
    keep = [{ slot: 2, key: Buffer.from(passphrase) }];
    await copyFile(pinned, olderHeader);
  });

  it("is not used by half when that was cancelled", async () => {
    const older = await digestOf();
    const ended = await interrupted((id) => scene.agent.cancel(id));
    assert.equal(ended?.run.state, RunState.CANCELLED);
    assert.ok(await isPending());
    assert.notEqual(await digestOf(), older);
    assert.ok((await readFile(pinned)).equals(await storedHeader(scene)));
    assert.equal((await scene.agent.keys("home")).reencrypting, true);
    const reading = await scene.agent.verify("docs");
    assert.deepEqual(
      [reading.run.error?.code, reading.run.error?.hint?.split(";")[0]],
      ["locked", "luksmith key reencrypt home goes on with it"],
    );
  });

  it("opens by hand when the agent was killed, and the next backup goes on to the end", async () => {
    const agent = scene.agent;
    await interrupted(() => process.kill(agent.pid, "SIGKILL"));
    await agent[Symbol.asyncDispose]();
    // cryptsetup may wait for the device that the next agent releases, and holds its lock on that volume: another machine has none
    await assertOpensByHand(() => scene.startAgent());
    assertDone(await scene.agent.backup("docs"));
    assert.ok(!(await isPending()));
    await assertSettled(scene);
    assert.deepEqual(await opensBoth(scene, passphrase), [true, true]);
    assert.equal((await scene.agent.keys("home")).slots.length, 2);
    await assertOpensByHand();
    // of the older volume key nothing is left in either header
    const areas = JSON.parse(await dump(olderHeader)).keyslots;
    const older = await readFile(olderHeader);
    for (const { area } of Object.values<{ area: { offset: string } }>(areas)) {
      const material = older.subarray(Number(area.offset), Number(area.offset) + 4096);
      assert.ok(!(await readFile(pinned)).includes(material));
    }
    assert.ok(await opens(olderHeader, passphrase), "a copy that somebody has kept opens what it belongs to");
  });
});
