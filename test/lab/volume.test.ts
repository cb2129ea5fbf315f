/** A volume's creation, and that it can be opened with nothing but cryptsetup and mount. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/volume-source";
const byHand = "/tmp/by-hand";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "hello"), "hello from the machine\n");
}

describe("a volume over sshfs", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 128M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
`,
    volumes: [],
  });
  const image = () => join(scene.host.imagesPath, "home.luks");
  let recoveryPassphrase = "";

  it("is created with a key of its own and a recovery passphrase", async () => {
    const created = await scene.agent.create("home");
    assertDone(created);
    ({ recoveryPassphrase } = created);
    assert.match(recoveryPassphrase, /^([0-9a-z]{5}-){5}[0-9a-z]{5}$/);
    const key = await stat("/etc/luksmith/keys/home.key");
    assert.equal(key.mode & 0o777, 0o400);
    assert.equal(key.size, 64);
    const { size, blocks } = await stat(image());
    assert.equal(size, 128 * 2 ** 20);
    assert.ok(blocks * 512 < 64 * 2 ** 20, `sparse: ${blocks * 512} bytes are allocated`);
    const [volume] = (await scene.agent.volumes()).volumes;
    assert.equal(volume?.created, true);
    assert.equal(volume?.generation, 1);
    assert.equal(JSON.stringify(created.events).includes(recoveryPassphrase), false, "the passphrase is in no event");
    assert.equal(scene.agent.log.join("").includes(recoveryPassphrase), false, "nor in the log");
  });

  it("is LUKS2 with sectors of 4096 bytes, and ext4 with nothing reserved and nothing lazy", async () => {
    const { stdout: dump } = await run("cryptsetup", ["luksDump", image()]);
    assert.match(dump, /Version:\s+2/);
    assert.match(dump, /cipher: aes-xts-plain64/);
    assert.match(dump, /sector: 4096 \[bytes\]/);
    assert.equal(dump.match(/^ {2}\d+: luks2/gm)?.length, 2, "two slots: the key and the recovery passphrase");
    await run("cryptsetup", ["open", "--key-file", "/etc/luksmith/keys/home.key", image(), "by-hand"]);
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
    assertDone(await scene.agent.backup("docs"));
    const child = run("cryptsetup", ["open", image(), "by-hand"]);
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
});
