/** A volume's creation, and that it can be opened with nothing but cryptsetup and mount. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { LuksmithError } from "../../common/errors.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, identityFile, LabAgent, remoteLine, stateDir } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";

const run = promisify(execFile);
const source = "/tmp/volume-source";
const byHand = "/tmp/by-hand";

describe("a volume over sshfs", () => {
  let host: SecondHost;
  let agent: LabAgent;
  let recoveryPassphrase = "";

  before(async () => {
    await LabAgent.forget();
    host = await SecondHost.create({ identityFile });
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "hello"), "hello from the machine\n");
    await writeFile("/tmp/own.key", "a key of my own", { mode: 0o400 });
    agent = await LabAgent.start(`
${remoteLine(host)}
volumes:
  home: { remote: vault, image: home.luks, size: 128M, ${cheapKdf} }
  own: { remote: vault, image: own.luks, size: 64M, key: { file: /tmp/own.key }, ${cheapKdf} }
  twice: { remote: vault, image: taken.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
`);
    await agent.trust();
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    await assertNothingLeft();
  });

  it("is created with a key of its own and a recovery passphrase", async () => {
    const created = await agent.create("home");
    assert.equal(created.run.state, RunState.DONE, created.run.error?.message);
    ({ recoveryPassphrase } = created);
    assert.match(recoveryPassphrase, /^([0-9a-z]{5}-){5}[0-9a-z]{5}$/);
    const key = await stat("/etc/luksmith/keys/home.key");
    assert.equal(key.mode & 0o777, 0o400);
    assert.equal(key.size, 64);
    const image = await stat(join(host.imagesPath, "home.luks"));
    assert.equal(image.size, 128 * 2 ** 20);
    assert.ok(image.blocks * 512 < 64 * 2 ** 20, `sparse: ${image.blocks * 512} bytes are allocated`);
    const [volume] = (await agent.volumes()).volumes;
    assert.equal(volume?.created, true);
    assert.equal(volume?.generation, 1);
    assert.equal(JSON.stringify(created.events).includes(recoveryPassphrase), false, "the passphrase is in no event");
    assert.equal(agent.log.join("").includes(recoveryPassphrase), false, "nor in the log");
  });

  it("is LUKS2 with sectors of 4096 bytes, and ext4 with nothing reserved and nothing lazy", async () => {
    const image = join(host.imagesPath, "home.luks");
    const { stdout: dump } = await run("cryptsetup", ["luksDump", image]);
    assert.match(dump, /Version:\s+2/);
    assert.match(dump, /cipher: aes-xts-plain64/);
    assert.match(dump, /sector: 4096 \[bytes\]/);
    assert.equal(dump.match(/^ {2}\d+: luks2/gm)?.length, 2, "two slots: the key and the recovery passphrase");
    await run("cryptsetup", ["open", "--key-file", "/etc/luksmith/keys/home.key", image, "by-hand"]);
    try {
      const { stdout: superblock } = await run("dumpe2fs", ["-h", "/dev/mapper/by-hand"]);
      assert.match(superblock, /Reserved block count:\s+0\n/);
      const { stdout: groups } = await run("dumpe2fs", ["/dev/mapper/by-hand"]);
      assert.equal(/INODE_UNINIT(?!.*ITABLE_ZEROED)/.test(groups), false, "every inode table has been zeroed");
    } finally {
      await run("cryptsetup", ["close", "by-hand"]);
    }
  });

  it("is backed up into, and read by hand with the passphrase and the stored image alone", async () => {
    const backup = await agent.backup("docs");
    assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
    const image = join(host.imagesPath, "home.luks");
    const child = run("cryptsetup", ["open", image, "by-hand"]);
    child.child.stdin?.end(recoveryPassphrase);
    await child;
    await mkdir(byHand, { recursive: true });
    await run("mount", ["-o", "ro", "/dev/mapper/by-hand", byHand]);
    try {
      assert.equal(await readFile(join(byHand, "docs/latest", source, "hello"), "utf8"), "hello from the machine\n");
      assert.match(await readFile(join(byHand, ".luksmith/README.txt"), "utf8"), /nothing of luksmith is needed/);
    } finally {
      await run("umount", [byHand]);
      await run("cryptsetup", ["close", "by-hand"]);
    }
  });

  it("opens with the pinned header when the stored one is gone", async () => {
    const image = join(host.imagesPath, "home.luks");
    await run("dd", ["if=/dev/zero", `of=${image}`, "bs=1M", "count=4", "conv=notrunc"]);
    const header = join(stateDir, "volumes/home/header.luks");
    try {
      const backup = await agent.backup("docs");
      assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
      const checked = await agent.check("home");
      assert.equal(checked.run.error?.code, "tampered");
      assert.match(checked.run.error?.message ?? "", /does not begin with a LUKS header/);
    } finally {
      await run("cryptsetup", ["luksHeaderRestore", "--batch-mode", image, "--header-backup-file", header]);
    }
    const checked = await agent.check("home");
    assert.equal(checked.run.state, RunState.DONE, checked.run.error?.message);
    assert.match(checked.run.summary, /in order: generation 3, 2 snapshots/);
  });

  it("is not created twice, nor over an image that is there", async () => {
    const again = await agent.create("home");
    assert.equal(again.run.error?.code, "exists");
    const taken = join(host.imagesPath, "taken.luks");
    await writeFile(taken, "somebody's");
    const twice = await agent.create("twice");
    assert.equal(twice.run.error?.code, "exists");
    assert.equal(await readFile(taken, "utf8"), "somebody's");
    await assert.rejects(stat("/etc/luksmith/keys/twice.key"), "the key that was made for it is gone again");
    assert.equal((await agent.volumes()).volumes.find(({ name }) => name === "twice")?.created, false);
  });

  it("takes a key that the operator brings, and then makes no passphrase", async () => {
    const created = await agent.create("own");
    assert.equal(created.run.state, RunState.DONE, created.run.error?.message);
    assert.equal(created.recoveryPassphrase, "");
    await run("cryptsetup", [
      "open",
      "--test-passphrase",
      "--key-file",
      "/tmp/own.key",
      join(host.imagesPath, "own.luks"),
    ]);
  });

  it("refuses a key file that others can read, with the chmod to type", async () => {
    await chmod("/tmp/own.key", 0o444);
    try {
      const checked = await agent.check("own");
      assert.equal(checked.run.error?.code, "config");
      assert.equal(checked.run.error?.hint, "chmod 0400 /tmp/own.key");
    } finally {
      await chmod("/tmp/own.key", 0o400);
    }
  });

  it("says that the key is wrong, and mounts nothing", async () => {
    await rename("/tmp/own.key", "/tmp/own.key.right");
    await writeFile("/tmp/own.key", "another key", { mode: 0o400 });
    try {
      const checked = await agent.check("own");
      assert.equal(checked.run.error?.code, "wrong_key");
      assert.equal(new LuksmithError("wrong_key", "").exitCode, 12);
    } finally {
      await rm("/tmp/own.key");
      await rename("/tmp/own.key.right", "/tmp/own.key");
    }
  });

  it("leaves no image behind when its creation is cancelled", async () => {
    await rm(join(host.imagesPath, "taken.luks"));
    const { run: started } = await agent.createVolume("twice");
    const id = started?.id ?? "";
    const { run: ended } = await agent.follow(id, ({ kind }) => {
      if (kind?.$case === "stepBegan" && kind.value.step === "make the file system") void agent.cancel(id);
    });
    assert.equal(ended.state, RunState.CANCELLED);
    await assert.rejects(stat(join(host.imagesPath, "taken.luks")), /ENOENT/);
  });
});
