/** A backup host that lies. In every case: refused with the right words, nothing opened that should not be, nothing left. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, identityFile, LabAgent, remoteLine } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";

const run = promisify(execFile);
const source = "/tmp/hostile-source";
/** Stands in a file that is backed up: must never be found in the image. */
const plainText = "THE-SECRET-THAT-MUST-NOT-LEAVE-THIS-MACHINE";

describe("a hostile backup host", () => {
  let host: SecondHost;
  let agent: LabAgent;
  let image = "";

  before(async () => {
    await LabAgent.forget();
    host = await SecondHost.create({ identityFile });
    image = join(host.imagesPath, "home.luks");
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "first"), "first\n");
    agent = await LabAgent.start(`
${remoteLine(host)}
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
`);
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    await assertNothingLeft();
  });

  it("is not spoken to before its key is trusted", async () => {
    const refused = await agent.create("home");
    assert.equal(refused.run.error?.code, "unreachable");
    assert.ok(refused.run.error?.message.includes(await host.hostKeyFingerprint()), refused.run.error?.message);
    assert.match(refused.run.error?.message ?? "", /none is trusted yet/);
    await agent.trust();
    const created = await agent.create("home");
    assert.equal(created.run.state, RunState.DONE, created.run.error?.message);
    const backup = await agent.backup("docs");
    assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
  });

  it("cannot make the machine write plain text by rewriting the header", async () => {
    await run("cp", ["--sparse=always", image, "/tmp/before.luks"]);
    await rewriteHeader(image, "cipher_null-ecb");
    const { stdout: dump } = await run("cryptsetup", ["luksDump", image]);
    assert.match(dump, /cipher: cipher_null-ecb/, "the stored header now says that nothing is encrypted");
    await writeFile(join(source, "secret"), plainText.repeat(1000));
    const backup = await agent.backup("docs");
    assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
    const { stdout: found } = await run("grep", ["--count", "--text", plainText, image]).catch((error) => error);
    assert.equal(found.trim(), "0");
    const checked = await agent.check("home");
    assert.equal(checked.run.error?.code, "tampered");
    assert.match(checked.run.error?.message ?? "", /stored LUKS header has been altered/);
    await rewriteHeader(image, "aes-xts-plain64");
  });

  const untouched = async () => {
    const backup = await agent.backup("docs");
    assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
  };
  const replaced = async (make: (path: string) => Promise<unknown>, expected: { code: string; message: RegExp }) => {
    await rename(image, `${image}.aside`);
    try {
      await make(image);
      const backup = await agent.backup("docs");
      assert.equal(backup.run.error?.code, expected.code, backup.run.error?.message);
      assert.match(backup.run.error?.message ?? "", expected.message);
      await assertNothingLeft();
    } finally {
      await rm(image, { force: true, recursive: true });
      await rename(`${image}.aside`, image);
    }
  };

  it("cannot lead root elsewhere by a symbolic link", async () => {
    const bait = "/tmp/bait";
    await writeFile(bait, Buffer.alloc(64 * 2 ** 20));
    const before = createHash("sha256")
      .update(await readFile(bait))
      .digest("hex");
    await replaced((path) => symlink(bait, path), {
      code: "tampered",
      message: /is a symbolic link, not a regular file/,
    });
    assert.equal(
      createHash("sha256")
        .update(await readFile(bait))
        .digest("hex"),
      before,
    );
    await rm(bait);
  });

  it("cannot offer a device, a FIFO or a directory as the image", async () => {
    await replaced((path) => run("mknod", [path, "b", "7", "0"]), { code: "tampered", message: /is a block device/ });
    await replaced((path) => run("mkfifo", [path]), { code: "tampered", message: /is a FIFO/ });
    await replaced((path) => mkdir(path), { code: "tampered", message: /is a directory/ });
  });

  it("is told that the image is missing, truncated or overwritten", async () => {
    await replaced(async () => undefined, { code: "not_found", message: /there is no image home\.luks/ });
    await replaced(
      (path) => run("cp", ["--sparse=always", `${image}.aside`, path]).then(() => truncate(path, 40 * 2 ** 20)),
      {
        code: "tampered",
        message: /truncated: 40\.0 MiB are there of 64\.0 MiB/,
      },
    );
    await replaced((path) => run("dd", ["if=/dev/urandom", `of=${path}`, "bs=1M", "count=64"]), {
      code: "tampered",
      message: /does not hold the file system of this volume/,
    });
    await untouched();
  });

  it("is caught when it puts an older copy back, until the owner accepts it", async () => {
    await run("cp", ["--sparse=always", image, "/tmp/newest.luks"]);
    await run("cp", ["--sparse=always", "/tmp/before.luks", image]);
    const backup = await agent.backup("docs");
    assert.equal(backup.run.error?.code, "tampered");
    assert.match(backup.run.error?.message ?? "", /rolled back: it shows generation \d+, this machine has seen \d+/);
    await assert.rejects(agent.snapshots("docs"), { code: "tampered" });
    assert.equal((await agent.snapshots("docs", true)).length, 1, "looking with the owner's consent");
    const accepted = await agent.backup("docs", { acceptRollback: true });
    assert.equal(accepted.run.state, RunState.DONE, accepted.run.error?.message);
    await untouched();
  });

  it("is caught when it answers with another host key", async () => {
    const before = await host.hostKeyFingerprint();
    await host.replaceHostKey();
    const backup = await agent.backup("docs");
    assert.equal(backup.run.error?.code, "unreachable");
    assert.ok(backup.run.error?.message.includes(before), "the trusted fingerprint is named");
    assert.ok(backup.run.error?.message.includes(await host.hostKeyFingerprint()), "the offered one as well");
    await assert.rejects(agent.trust(), { code: "unreachable" });
    await agent.trust("vault", true);
    await untouched();
  });

  it("is reported as unreachable when it is down, and when it does not let us in", async () => {
    await host.stop();
    const down = await agent.backup("docs");
    assert.equal(down.run.error?.code, "unreachable");
    assert.match(down.run.error?.message ?? "", /nothing listens there/);
    await host.start();
    // ssh reads the public half from beside the private one
    for (const half of ["", ".pub"]) await rename(`${identityFile}${half}`, `${identityFile}.right${half}`);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", identityFile]);
    const stranger = await agent.backup("docs");
    assert.equal(stranger.run.error?.code, "unreachable");
    assert.match(stranger.run.error?.message ?? "", /does not accept the key/);
    for (const half of ["", ".pub"]) await rename(`${identityFile}.right${half}`, `${identityFile}${half}`);
    await untouched();
  });
});

/**
 * What a hostile host does to the header it stores: another cipher in the JSON area of both copies, and checksums that
 * fit. Source: the LUKS2 on-disk format specification: binary header of 4096 bytes, checksum (64 bytes at 448) over
 * header and JSON with the checksum field zeroed; second copy at the size of the first.
 */
async function rewriteHeader(image: string, cipher: string): Promise<void> {
  const copyBytes = 16 * 1024;
  const file = await open(image, "r+");
  try {
    for (const offset of [0, copyBytes]) {
      const area = Buffer.alloc(copyBytes);
      await file.read(area, 0, copyBytes, offset);
      const json = area.subarray(4096);
      const metadata = JSON.parse(json.subarray(0, json.indexOf(0)).toString());
      for (const segment of Object.values<{ encryption: string }>(metadata.segments)) segment.encryption = cipher;
      json.fill(0);
      json.write(JSON.stringify(metadata));
      area.fill(0, 448, 512);
      createHash("sha256").update(area).digest().copy(area, 448);
      await file.write(area, 0, copyBytes, offset);
    }
  } finally {
    await file.close();
  }
}
