/** The harness itself: what every other lab test relies on has to fail when it should. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { makeExec } from "../../common/exec.ts";
import { UndoStack } from "../../common/undo.ts";
import { assertNothingLeft, captureSystem, type Held } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";

const run = promisify(execFile);
const { exec } = makeExec();
const identityFile = "/run/harness-test/id_ed25519";
const runtimeDir = "/run/luksmith";
const image = join(runtimeDir, "image");

const sshOptions = [
  ...["-o", `IdentityFile=${identityFile}`, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"],
  ...["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"],
];

/** Milliseconds until the host has greeted us on its SSH port. @throws when it does not within `deadlineMs` */
async function greeting(host: SecondHost, deadlineMs: number): Promise<number> {
  const startedAt = performance.now();
  const socket = connect(22, host.address);
  try {
    await once(socket, "data", { signal: AbortSignal.timeout(deadlineMs) });
    return performance.now() - startedAt;
  } finally {
    socket.destroy();
  }
}

function kinds(held: readonly Held[]): string[] {
  return [...new Set(held.map(({ what }) => what))].sort();
}

describe("a fresh root", () => {
  const fresh = (...argv: string[]) => run("bash", ["/run/lab/fresh-root.sh", ...argv]);

  it("shows nothing of what others have written, and keeps nothing", async () => {
    await writeFile("/etc/ours", "ours\n");
    await run("mount", ["-t", "tmpfs", "ours", "/srv"]);
    try {
      const theirs = `test ! -e /etc/ours; if mountpoint -q /srv; then exit 1; fi; echo theirs >/etc/theirs; mount -t tmpfs theirs /mnt; cat /etc/theirs`;
      const { stdout } = await fresh("bash", "-euc", theirs);
      assert.equal(stdout, "theirs\n");
      assert.equal(existsSync("/etc/theirs"), false);
      assert.doesNotMatch(await readFile("/proc/self/mountinfo", "utf8"), / theirs /);
    } finally {
      await run("umount", ["/srv"]);
      await rm("/etc/ours");
    }
  });

  it("gives back what the command ends with", async () => {
    await assert.rejects(fresh("bash", "-c", "exit 7"), { code: 7 });
  });
});

describe("the leak check", () => {
  let host: SecondHost;

  before(async () => {
    host = await SecondHost.create({ identityFile });
    await mkdir(runtimeDir, { recursive: true });
  });

  after(async () => {
    await host[Symbol.asyncDispose]();
    await rm(runtimeDir, { recursive: true, force: true });
  });

  it("finds nothing where nothing is", async () => {
    assert.deepEqual(await captureSystem(), []);
    await assertNothingLeft();
  });

  it("finds a mount", async () => {
    const directory = join(runtimeDir, "volumes", "home");
    await mkdir(directory, { recursive: true });
    await run("mount", ["-t", "tmpfs", "tmpfs", directory]);
    assert.deepEqual(kinds(await captureSystem()), ["directory", "mount"]);
    await assert.rejects(assertNothingLeft(runtimeDir, 0), /left behind:\n {2}mount: \/run\/luksmith\/volumes\/home/);
    await run("umount", [directory]);
    assert.deepEqual(kinds(await captureSystem()), ["directory"]);
    await rm(join(runtimeDir, "volumes"), { recursive: true });
    await assertNothingLeft();
  });

  it("finds a loop device and a mapping, and waits for them to go", async () => {
    await using undo = new UndoStack();
    await writeFile(image, "");
    await truncate(image, 2 ** 20);
    const { stdout } = await run("losetup", ["--find", "--show", image]);
    const loop = stdout.trim();
    undo.add("detach", async () => void (await run("losetup", ["--detach", loop])));
    await run("dmsetup", ["create", "luksmith-home", "--table", `0 2048 linear ${loop} 0`]);
    assert.deepEqual((await captureSystem()).map(({ what, name }) => `${what}: ${name}`).sort(), [
      `device: luksmith-home`,
      `loop: ${loop.replace("/dev/", "")} on ${image}`,
    ]);
    await assert.rejects(assertNothingLeft(runtimeDir, 0), /device: luksmith-home/);
    const waited = assertNothingLeft();
    await run("dmsetup", ["remove", "luksmith-home"]);
    await undo.unwind();
    await waited;
  });

  it("finds an sshfs, and the connection of one that was only unmounted lazily", async () => {
    const directory = "/srv/harness-test";
    await mkdir(directory, { recursive: true });
    await run("sshfs", [`${host.user}@${host.address}:images`, directory, ...sshOptions]);
    assert.deepEqual(kinds(await captureSystem()), ["FUSE connection", "mount", "process"]);
    await assert.rejects(assertNothingLeft(runtimeDir, 0), /fuse\.sshfs/);

    const busy = await open(directory);
    await run("umount", ["--lazy", directory]);
    assert.deepEqual(kinds(await captureSystem()), ["FUSE connection", "process"]);
    await busy.close();
    await assertNothingLeft();
  });
});

describe("the second host", () => {
  let host: SecondHost;

  before(async () => {
    host = await SecondHost.create({ identityFile, storageBytes: 64 * 2 ** 20 });
  });
  after(() => host[Symbol.asyncDispose]());

  it("takes files by SFTP, counts them on the wire, and does nothing else for its user", async () => {
    const file = "/tmp/harness-test";
    const bytes = 300_000;
    await writeFile(file, Buffer.alloc(bytes, "x"));
    const sent = (await host.wireBytes()).sent;
    const to = `${host.user}@${host.address}`;
    await exec({ file: "sftp", args: [...sshOptions, "-b", "-", to], stdin: `put ${file} images/file\n` });
    assert.equal(
      (await run("stat", ["--format=%U %s", join(host.imagesPath, "file")])).stdout,
      `${host.user} ${bytes}\n`,
    );
    const counted = (await host.wireBytes()).sent - sent;
    assert.ok(counted > bytes && counted < 2 * bytes, `${counted} bytes on the wire`);

    const { stdout } = await exec({ file: "ssh", args: [...sshOptions, to, "id"], deadlineMs: 60_000 });
    assert.doesNotMatch(stdout.toString(), /uid=/);
  });

  it("has a storage of the size that was asked for", async () => {
    const { blocks, bsize } = await statfs(host.storagePath);
    assert.ok(blocks * bsize < 64 * 2 ** 20 && blocks * bsize > 32 * 2 ** 20, `${blocks} blocks of ${bsize} bytes`);
  });

  it("is as far away as it was told to be", async () => {
    await host.setLink({ rttMs: 300 });
    // a round trip to connect, and half of one for the greeting that follows at once
    assert.ok((await greeting(host, 30_000)) >= 300);
    await host.setLink({ rttMs: 0 });
  });

  it("can be unplugged and plugged in again", async () => {
    await host.unplug();
    await assert.rejects(greeting(host, 1500), { name: "AbortError" });
    await host.plugIn();
    await greeting(host, 30_000);
  });

  it("can go down, with all its connections, and come back as another host", async () => {
    const fingerprint = await host.hostKeyFingerprint();
    assert.match(fingerprint, /^SHA256:/);
    const connection = connect(22, host.address);
    await once(connection, "data");
    const closed = once(connection, "close");
    connection.on("error", () => undefined); // a reset is an end as well
    await host.stop();
    await closed;
    await assert.rejects(greeting(host, 30_000), { code: "ECONNREFUSED" });

    await host.start();
    assert.equal(await host.hostKeyFingerprint(), fingerprint);
    await host.replaceHostKey();
    assert.notEqual(await host.hostKeyFingerprint(), fingerprint);
    await greeting(host, 30_000);
  });
});
