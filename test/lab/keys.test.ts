/** The keys of a volume: listed, added, removed, exchanged, and what an agent leaves that is killed meanwhile. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { KeySlot_Role } from "../../proto/gen/luksmith/v1/agent.ts";
import { assertSettled, dump, keyFile, opens, opensBoth, pinned, storedHeader, storedIn } from "./harness/key-scene.ts";
import { cli, type Followed } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/keys-source";
const first = "a passphrase of somebody";
const second = "another passphrase of theirs";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "file"), "kept\n");
}

describe("the keys of a volume", () => {
  const scene = Scene.set({ prepare: makeSource, config: homeAndDocs(source), volumes: ["home"] });
  const refused = ({ run }: Followed) => ({ code: run.error?.code, hint: run.error?.hint });

  it("are listed: the agent's own, and the recovery passphrase", async () => {
    const { slots, source: from, unfinished, fault } = await scene.agent.keys("home");
    assert.deepEqual(
      slots.map(({ slot, role, agents, kdf }) => ({ slot, role, agents, kdf })),
      [
        { slot: 0, role: KeySlot_Role.UNKNOWN, agents: true, kdf: "pbkdf2" },
        { slot: 1, role: KeySlot_Role.RECOVERY, agents: false, kdf: "pbkdf2" },
      ],
    );
    assert.deepEqual([from, unfinished, fault], ["file", false, undefined]);
  });

  it("get another one, in both headers, by standard input of the command", async () => {
    const added = await cli(["key", "add", "home"], { stdin: `${first}\n` });
    assert.equal(added.exitCode, 0, added.stderr);
    assert.deepEqual(await opensBoth(scene, first), [true, true]);
    await assertSettled(scene);
    assert.equal((await scene.agent.keys("home")).slots[2]?.role, KeySlot_Role.ADDED);
    assert.ok(!scene.agent.log.join("").includes(first));
  });

  it("refuse what would lock somebody out, or let somebody in", async () => {
    const { agent } = scene;
    const before = await readFile(pinned);
    await assert.rejects(agent.addKey("home", "short"), { code: "usage" });
    assert.equal(refused(await agent.addKey("home", first)).code, "exists");
    assert.equal(refused(await agent.removeKey("home", 9)).code, "not_found");
    assert.deepEqual(refused(await agent.removeKey("home", 0)), {
      code: "usage",
      hint: "luksmith key rotate home gives it another key and removes this one",
    });
    assert.equal(refused(await agent.rotateKey("home", { old: "not the old one", next: second })).code, "wrong_key");
    // where the next key would wait, something else lies
    await writeFile(`${keyFile}.luksmith-next`, "of the operator");
    assert.equal(refused(await agent.rotateKey("home")).code, "exists");
    assert.equal(await readFile(`${keyFile}.luksmith-next`, "utf8"), "of the operator");
    await rm(`${keyFile}.luksmith-next`);
    assert.ok(before.equals(await readFile(pinned)));
    await assertSettled(scene);
  });

  it("exchange a passphrase, of which nothing is left in either header", async () => {
    const { area } = JSON.parse(await dump(pinned)).keyslots[2];
    const begin = Number(area.offset);
    const material = (await readFile(pinned)).subarray(begin, begin + 4096);
    assertDone(await scene.agent.rotateKey("home", { old: first, next: second }));
    assert.deepEqual(await opensBoth(scene, first), [false, false]);
    assert.deepEqual(await opensBoth(scene, second), [true, true]);
    await assertSettled(scene);
    for (const header of [await readFile(pinned), await storedHeader(scene)]) assert.ok(!header.includes(material));
  });

  it("exchange the agent's own, and the next backup finishes it when the agent was killed amid the change", async () => {
    const old = await readFile(keyFile);
    await writeFile(`${keyFile}.next`, "of the operator");
    const agent = scene.agent;
    const id = await agent.startRotateKey("home");
    await agent
      .follow(id, ({ kind }) => {
        if (kind?.$case === "stepBegan" && kind.value.step === "renew the stored header")
          process.kill(agent.pid, "SIGKILL");
      })
      .catch(() => undefined);
    await agent[Symbol.asyncDispose]();
    // whatever is left opens with the key that is in force
    for (const header of [pinned, storedIn(scene)]) assert.ok(await opens(header, await readFile(keyFile)), header);
    await scene.startAgent();
    assert.equal((await scene.agent.keys("home")).unfinished, true);
    assertDone(await scene.agent.backup("docs"));
    await assertSettled(scene);
    const now = await readFile(keyFile);
    assert.equal(await readFile(`${keyFile}.next`, "utf8"), "of the operator");
    assert.deepEqual([now.length, (await stat(keyFile)).mode & 0o777], [64, 0o400]);
    assert.deepEqual(await opensBoth(scene, old), [false, false]);
    assert.deepEqual(await opensBoth(scene, now), [true, true]);
  });
});
