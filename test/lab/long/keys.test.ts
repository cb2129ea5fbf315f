/** Keys of a volume, as long as it takes: undisturbed, with a broken connection, from a command, down to the last one. */

import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseLuksHeader } from "../../../agent/tools/luks-header.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { assertSettled, dump, keyFile, opens, opensBoth, pinned, storedIn } from "../harness/key-scene.ts";
import { cheapKdf, cli } from "../harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "../harness/scene.ts";

const source = "/tmp/keys-source";
const first = "a passphrase of somebody";
const second = "another passphrase of theirs";
const printed = "/tmp/printed.key";
const ownVolume = `  own: { remote: vault, image: own.luks, size: 64M, key: { command: [/bin/cat, ${printed}] }, ${cheapKdf} }`;

async function prepare(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "file"), "kept\n");
  await writeFile(printed, "what the command prints", { mode: 0o400 });
}

/** Root may write to what is 0400. */
const put = (file: string, key: string | Buffer) => writeFile(file, key);

describe("keys of a volume that are changed", () => {
  const config = homeAndDocs(source).replace("\njobs:", `\n${ownVolume}\njobs:`);
  const scene = Scene.set({ prepare, config, volumes: ["home", "own"] });

  it("exchange the agent's own, and backups go on", async () => {
    const old = await readFile(keyFile);
    assertDone(await scene.agent.rotateKey("home"));
    assert.deepEqual(await opensBoth(scene, old), [false, false]);
    assert.deepEqual(await opensBoth(scene, await readFile(keyFile)), [true, true]);
    await assertSettled(scene);
    assertDone(await scene.agent.backup("docs"));
  });

  it("say that the file does not hold the volume's key, and change nothing", async () => {
    const right = await readFile(keyFile);
    const before = await readFile(pinned);
    await put(keyFile, "some other key");
    const { exitCode } = await cli(["key", "rotate", "home"]);
    assert.equal(exitCode, 12);
    assert.equal((await scene.agent.keys("home")).fault?.code, "wrong_key");
    await put(keyFile, right);
    await chmod(keyFile, 0o400);
    assert.ok(before.equals(await readFile(pinned)));
  });

  it("are finished by a check, when the connection broke amid the change", async () => {
    const { agent, host } = scene;
    assertDone(await agent.addKey("home", second));
    const broken = await agent.follow(await agent.startRotateKey("home", { old: second, next: first }), ({ kind }) => {
      if (kind?.$case === "stepBegan" && kind.value.step === "renew the stored header") void host.stop();
    });
    assert.equal(broken.run.state, RunState.FAILED);
    await host.start();
    for (const key of [first, await readFile(keyFile)]) assert.ok(await opens(pinned, key));
    assertDone(await agent.check("home"));
    await assertSettled(scene);
    assert.deepEqual(await opensBoth(scene, first), [true, true]);
    assert.deepEqual(await opensBoth(scene, second), [false, false]);
  });

  it("keep the last one", async () => {
    const { slots } = await scene.agent.keys("home");
    for (const { slot, agents } of slots) if (!agents) assertDone(await scene.agent.removeKey("home", slot));
    const own = slots.find(({ agents }) => agents)?.slot ?? -1;
    const last = await cli(["key", "remove", "home", `${own}`]);
    assert.equal(last.exitCode, 2);
    assert.match(last.stderr, /the last one of volume home: nothing would open it any more/);
    const left = parseLuksHeader(await dump(storedIn(scene))).slots.map(({ slot }) => slot);
    assert.deepEqual(left, [own]);
  });

  it("come from a command, whose new key is put in the place of the old one that is asked for", async () => {
    const stays = await cli(["key", "rotate", "own"], { stdin: "what the command prints\n" });
    assert.equal(stays.exitCode, 2);
    assert.match(stays.stderr, /opens volume own already/);
    await put(printed, "what it prints from now on");
    const wrong = await cli(["key", "rotate", "own"], { stdin: "what it never printed\n" });
    assert.equal(wrong.exitCode, 12);
    const rotated = await cli(["key", "rotate", "own"], { stdin: "what the command prints\n" });
    assert.equal(rotated.exitCode, 0, rotated.stderr);
    const image = join(scene.host.imagesPath, "own.luks");
    assert.ok(await opens(image, "what it prints from now on"));
    assert.ok(!(await opens(image, "what the command prints")));
    assertDone(await scene.agent.check("own"));
  });
});
