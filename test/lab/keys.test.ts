/** The keys of a volume: listed, added, removed, exchanged, and what an interruption leaves. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseLuksHeader } from "../../agent/tools/luks-header.ts";
import { makeExec } from "../../common/exec.ts";
import { KeySlot_Role } from "../../proto/gen/luksmith/v1/agent.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cli, type Followed, stateDir } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const { exec } = makeExec();
const deadlineMs = 60_000;
const source = "/tmp/keys-source";
const keyFile = "/etc/luksmith/keys/home.key";
const directory = join(stateDir, "volumes/home");
const pinned = join(directory, "header.luks");
const first = "a passphrase of somebody";
const second = "another passphrase of theirs";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "file"), "kept\n");
}

describe("the keys of a volume", () => {
  const scene = Scene.set({ prepare: makeSource, config: homeAndDocs(source), volumes: ["home"] });
  const image = () => join(scene.host.imagesPath, "home.luks");

  async function opens(header: string, key: string | Buffer): Promise<boolean> {
    const args = ["open", "--test-passphrase", "--type", "luks2", "--key-file", "-", header];
    return (await exec({ file: "cryptsetup", args, stdin: key, deadlineMs })).exitCode === 0;
  }

  async function openBoth(key: string | Buffer): Promise<boolean[]> {
    return [await opens(pinned, key), await opens(image(), key)];
  }

  async function storedHeader(): Promise<Buffer> {
    const { size } = await stat(pinned);
    const file = await open(image(), "r");
    try {
      return (await file.read(Buffer.alloc(size), 0, size, 0)).buffer;
    } finally {
      await file.close();
    }
  }

  async function assertSame(): Promise<void> {
    assert.ok((await readFile(pinned)).equals(await storedHeader()), "the stored header is the pinned one");
    for (const left of ["key-change.json", "header.luks.changed"]) assert.ok(!existsSync(join(directory, left)), left);
    assert.ok(!existsSync(`${keyFile}.next`));
  }

  /** Where the key material of a slot lies, in both headers. */
  async function areaOf(slot: number): Promise<{ begin: number; end: number }> {
    const dumped = await exec({ file: "cryptsetup", args: ["luksDump", "--dump-json-metadata", pinned], deadlineMs });
    const { area } = JSON.parse(dumped.stdout.toString()).keyslots[slot];
    return { begin: Number(area.offset), end: Number(area.offset) + Number(area.size) };
  }

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
    assert.deepEqual(await openBoth(first), [true, true]);
    await assertSame();
    const { slots } = await scene.agent.keys("home");
    assert.equal(slots[2]?.role, KeySlot_Role.ADDED);
    const log = await cli(["log", "last"]);
    assert.ok(!`${log.stdout}${scene.agent.log.join("")}`.includes(first));
  });

  it("refuse what would lock somebody out, or let somebody in", async () => {
    const before = await readFile(pinned);
    await assert.rejects(scene.agent.addKey("home", "short"), { code: "usage" });
    assert.equal(refused(await scene.agent.addKey("home", first)).code, "exists");
    assert.equal(refused(await scene.agent.removeKey("home", 9)).code, "not_found");
    assert.deepEqual(refused(await scene.agent.removeKey("home", 0)), {
      code: "usage",
      hint: "luksmith key rotate home gives it another key and removes this one",
    });
    const wrong = await cli(["key", "rotate", "home", "--passphrase"], { stdin: `not the old one\n${second}\n` });
    assert.equal(wrong.exitCode, 12, wrong.stderr);
    assert.ok(before.equals(await readFile(pinned)));
    await assertSame();
  });

  it("exchange a passphrase, of which nothing is left in either header", async () => {
    const area = await areaOf(2);
    const material = (await readFile(pinned)).subarray(area.begin, area.end);
    assertDone(await scene.agent.rotateKey("home", { old: first, next: second }));
    assert.deepEqual(
      [await openBoth(first), await openBoth(second)],
      [
        [false, false],
        [true, true],
      ],
    );
    await assertSame();
    for (const header of [await readFile(pinned), await storedHeader()])
      assert.ok(!header.includes(material.subarray(0, 512)));
  });

  it("exchange the agent's own, and backups go on", async () => {
    const old = await readFile(keyFile);
    assertDone(await scene.agent.rotateKey("home"));
    const now = await readFile(keyFile);
    assert.deepEqual([now.length, (await stat(keyFile)).mode & 0o777], [64, 0o400]);
    assert.deepEqual(
      [await openBoth(old), await openBoth(now)],
      [
        [false, false],
        [true, true],
      ],
    );
    await assertSame();
    assertDone(await scene.agent.backup("docs"));
  });

  it("say that the file does not hold the volume's key, and change nothing", async () => {
    const right = await readFile(keyFile);
    const before = await readFile(pinned);
    await exec({ file: "dd", args: [`of=${keyFile}`], stdin: "some other key", deadlineMs });
    assert.equal(refused(await scene.agent.rotateKey("home")).code, "wrong_key");
    const { fault, slots } = await scene.agent.keys("home");
    assert.deepEqual([fault?.code, slots.length], ["wrong_key", 3]);
    await exec({ file: "dd", args: [`of=${keyFile}`], stdin: right, deadlineMs });
    assert.ok(before.equals(await readFile(pinned)));
  });

  it("are finished by the next backup, when the agent was killed amid the change", async () => {
    const old = await readFile(keyFile);
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
    assert.ok(await opens(pinned, await readFile(keyFile)));
    assert.ok(await opens(image(), await readFile(keyFile)));
    await scene.startAgent();
    assert.equal((await scene.agent.keys("home")).unfinished, true);
    assertDone(await scene.agent.backup("docs"));
    await assertSame();
    assert.deepEqual(await openBoth(old), [false, false]);
    assert.deepEqual(await openBoth(await readFile(keyFile)), [true, true]);
  });

  it("are finished by a check, when the connection broke amid the change", async () => {
    const { agent, host } = scene;
    const broken = await agent.follow(await agent.startRotateKey("home", { old: second, next: first }), ({ kind }) => {
      if (kind?.$case === "stepBegan" && kind.value.step === "renew the stored header") void host.stop();
    });
    assert.equal(broken.run.state, RunState.FAILED);
    await host.start();
    assert.deepEqual([await opens(pinned, first), await opens(pinned, await readFile(keyFile))], [true, true]);
    assertDone(await agent.check("home"));
    await assertSame();
    assert.deepEqual(
      [await openBoth(first), await openBoth(second)],
      [
        [true, true],
        [false, false],
      ],
    );
  });

  it("keep the last one", async () => {
    const { slots } = await scene.agent.keys("home");
    for (const { slot, agents } of slots) if (!agents) assertDone(await scene.agent.removeKey("home", slot));
    const own = slots.find(({ agents }) => agents)?.slot ?? -1;
    const last = await cli(["key", "remove", "home", `${own}`]);
    assert.equal(last.exitCode, 2);
    assert.match(last.stderr, /the last one of volume home: nothing would open it any more/);
    const { stdout } = await exec({
      file: "cryptsetup",
      args: ["luksDump", "--dump-json-metadata", image()],
      deadlineMs,
    });
    assert.deepEqual(
      parseLuksHeader(stdout.toString()).slots.map(({ slot }) => slot),
      [own],
    );
  });
});
