/** A backup host that lacks a package, set up by somebody who is not root there, whose sudo wants a password. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chown, copyFile, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { makeExec, mustRun } from "../../../common/exec.ts";
import { PackageArchive } from "../harness/package-archive.ts";
import { SecondHost } from "../harness/second-host.ts";
import { assertSameState, SetupScene, stateOfHost } from "../harness/setup-scene.ts";

const { exec } = makeExec();
const administrator = "alice";
const home = `/home/${administrator}`;
const password = "correct horse battery staple";
const sudoers = `/etc/sudoers.d/${administrator}`;

describe("luksmith remote setup by an administrator who is not root", () => {
  const scene = SetupScene.set();
  let archive: PackageArchive | undefined;
  let untouched = "";

  before(async () => {
    const { run } = scene;
    archive = await PackageArchive.withoutPackage("nbd-server");
    await run("useradd", "--create-home", "--shell", "/bin/bash", administrator);
    await mustRun(exec, { file: "chpasswd", args: [], stdin: `${administrator}:${password}\n`, deadlineMs: 60_000 });
    await mkdir(`${home}/.ssh`, { mode: 0o700 });
    await copyFile("/root/.ssh/authorized_keys", `${home}/.ssh/authorized_keys`);
    const { uid, gid } = await stat(home);
    for (const path of [`${home}/.ssh`, `${home}/.ssh/authorized_keys`]) await chown(path, uid, gid);
    await writeFile(sudoers, `${administrator} ALL=(root) ALL\n`, { mode: 0o440 });
    untouched = await stateOfHost();
  });
  after(async () => {
    await archive?.[Symbol.asyncDispose]();
    await rm(sudoers, { force: true });
    await scene.run("userdel", "--force", "--remove", administrator);
  });

  const asAlice = (given: string, ...more: string[]) =>
    scene.setUpOnTerminal(
      { prompt: `password for ${administrator}:`, answer: given },
      "vault",
      "--admin",
      `${administrator}@${SecondHost.address}`,
      ...more,
    );

  it("does nothing where the password is not hers", async () => {
    const refused = await asAlice("wrong");
    assert.notEqual(refused.exitCode, 0, refused.said);
    assert.match(refused.said, /has failed/);
    assertSameState(await stateOfHost(), untouched);
  });

  it("asks for it once, and installs what is missing", async () => {
    const done = await asAlice(password);
    assert.equal(done.exitCode, 0, done.said);
    assert.match(done.said, /install nbd-server/);
    assert.equal(done.said.match(/password for/g)?.length, 1, done.said);
    assert.match(done.said, /^ok +helper: version /m);
    assert.ok(existsSync("/usr/bin/nbd-server"));
  });

  it("takes it away again, with the package", async () => {
    const removed = await asAlice(password, "--remove", "--purge");
    assert.equal(removed.exitCode, 0, removed.said);
    assert.match(removed.said, /remove nbd-server/);
    assert.ok(!existsSync("/usr/bin/nbd-server"));
  });
});
