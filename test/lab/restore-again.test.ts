/** Restores that go on where they were, and restores that make a directory equal to a snapshot. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cli } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";
import { until } from "./harness/until.ts";

const run = promisify(execFile);
const source = "/srv/again";
const target = "/tmp/again";
const files = 24;
const fileBytes = 400_000;
/** As the agent sets it for sshfs. */
const readAheadBytes = 4 * 2 ** 20;

async function makeSource(): Promise<void> {
  await mkdir(join(source, "data", "sub"), { recursive: true });
  for (let index = 0; index < files; index += 1) {
    await writeFile(join(source, "data", `f${`${index}`.padStart(2, "0")}`), randomBytes(fileBytes));
  }
  await writeFile(join(source, "data", "sub", "kept"), "kept\n");
}

describe("a restore", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });
  const restored = join(target, source, "data");
  const arrived = async () => (await readdir(restored).catch(() => [])).filter((name) => /^f\d+$/.test(name)).length;

  it("goes on where it was when the agent was killed", async () => {
    assertDone(await scene.agent.backup("docs"));
    await scene.host.setLink({ rttMs: 2, mbit: 8 });
    await scene.agent.startRestore("docs", target);
    await until(async () => (await arrived()) >= 6, "some files to arrive");
    await scene.agent.stop("SIGKILL");
    const before = await arrived();
    assert.ok(before < files, "it was cut short");
    await scene.host.setLink({ rttMs: 2 });
    await scene.startAgent();
    // a newer snapshot must not be mixed into it
    await writeFile(join(source, "data", "f00"), "newer\n");
    assertDone(await scene.agent.backup("docs"));
    const mine = join(restored, "mine");
    await writeFile(mine, "beside it\n");
    const again = await cli(["restore", "docs", "--to", target]);
    console.log(again.stdout.toString(), again.stderr);
    assert.equal(again.exitCode, 0, again.stderr);
    assert.match(again.stderr, /going on with a restore of snapshot/);
    const copied = Number(/restored (\d+) file/.exec(again.stdout.toString())?.[1]);
    assert.ok(copied <= files + 1 - before, `${copied} files came after ${before} had`);
    assert.equal((await stat(join(restored, "f00"))).size, fileBytes);
    for (const name of (await readdir(restored)).filter((each) => /^f(?!00)\d+$/.test(each))) {
      assert.ok((await readFile(join(restored, name))).equals(await readFile(join(source, "data", name))), name);
    }
    assert.equal(await arrived(), files);
    assert.equal(await readFile(mine, "utf8"), "beside it\n");
    assert.deepEqual(
      (await readdir(restored)).filter((name) => name.startsWith(".")),
      [],
    );
    // it is done: what is there now is in the way again
    const third = await scene.agent.restore("docs", target);
    assert.equal(third.run.error?.code, "exists");
  });

  it("that was cancelled goes on, unless somebody has changed what it had brought", async () => {
    await rm(target, { recursive: true });
    await scene.host.setLink({ rttMs: 2, mbit: 8 });
    const id = await scene.agent.startRestore("docs", target);
    await until(async () => (await arrived()) >= 3, "some files to arrive");
    await scene.agent.cancel(id);
    await scene.agent.follow(id);
    await scene.host.setLink({ rttMs: 2 });
    const [changed = ""] = (await readdir(restored)).filter((name) => /^f\d+$/.test(name));
    await writeFile(join(restored, changed), "mine now\n");
    const refused = await scene.agent.restore("docs", target);
    assert.equal(refused.run.error?.code, "exists");
    assert.match(refused.run.error?.message ?? "", new RegExp(changed));
    assert.equal(await readFile(join(restored, changed), "utf8"), "mine now\n");
    await rm(join(restored, changed));
    assertDone(await scene.agent.restore("docs", target));
    assert.equal(await arrived(), files);
  });

  it("brings of a large file what is missing of it, when the agent was killed amid it", async () => {
    const big = join(source, "big");
    const bytes = 16 * 2 ** 20;
    await writeFile(big, randomBytes(bytes));
    assertDone(await scene.agent.backup("docs"));
    const into = join(target, "big");
    const typed = ["restore", "docs", big, "--to", into];
    await scene.host.setLink({ rttMs: 2, mbit: 8 });
    await scene.agent.startRestore("docs", into, { paths: [Buffer.from(big)] });
    const come = async () => {
      const names = await readdir(join(into, source)).catch(() => []);
      const [name] = names.filter((each) => each.startsWith(".big."));
      return name === undefined ? 0 : (await stat(join(into, source, name)).catch(() => ({ size: 0 }))).size;
    };
    await until(async () => (await come()) >= (bytes / 4) * 3, "three quarters of it to arrive");
    await scene.agent.stop("SIGKILL");
    await scene.host.setLink({ rttMs: 2 });
    await scene.startAgent();
    const before = await scene.host.wireBytes();
    const again = await cli(typed);
    assert.equal(again.exitCode, 0, again.stderr);
    assert.match(again.stderr, /going on within 1 file/);
    const { received } = await scene.host.wireBytes();
    console.log(`${received - before.received} bytes came for the last quarter of ${bytes}`);
    // behind the end of the file the kernel reads ahead in the image, and once more while that is under way; and attaching reads a little
    assert.ok(received - before.received < bytes / 4 + 2 * readAheadBytes + 2 ** 20);
    assert.ok((await readFile(join(into, big))).equals(await readFile(big)));
    assert.deepEqual(await readdir(join(into, source)), ["big"]);
    await rm(into, { recursive: true });
    await rm(big);
    assertDone(await scene.agent.backup("docs"));
  });

  it("makes a directory equal to a snapshot, and removes nothing else", async () => {
    const paths = [Buffer.from(join(source, "data"))];
    await writeFile(join(restored, "sub", "extra"), "extra\n");
    await mkdir(join(restored, "more", "deep"), { recursive: true });
    await writeFile(join(restored, "f01"), "changed\n");
    await rm(join(restored, "f02"));
    await symlink("/etc", join(restored, "etc"));
    await mkdir(join(restored, "mounted"));
    await run("mount", ["-t", "tmpfs", "none", join(restored, "mounted")]);
    await writeFile(join(restored, "mounted", "precious"), "precious\n");
    await writeFile(join(target, source, "beside"), "beside\n");
    const typed = ["restore", "docs", join(source, "data"), "--to", target, "--overwrite", "--delete"];
    const dry = await cli([...typed, "--dry-run"]);
    assert.equal(dry.exitCode, 0, dry.stderr);
    assert.match(dry.stdout.toString(), /delete +srv\/again\/data\/sub\/extra/);
    assert.ok(existsSync(join(restored, "sub", "extra")));
    const options = { paths, overwrite: true, delete: true };
    const real = await scene.agent.restore("docs", target, options);
    await run("umount", [join(restored, "mounted")]);
    assertDone(real);
    assert.match(real.run.summary, /restored 2 files.*; removed 4 that are not in it/);
    assert.deepEqual(await readdir(join(restored, "sub")), ["kept"]);
    assert.deepEqual((await readdir(restored)).filter((name) => !/^f\d+$/.test(name)).sort(), ["mounted", "sub"]);
    assert.ok(existsSync(join(target, source, "beside")) && existsSync("/etc/passwd"));
    for (const to of ["/", "/usr", "/var/lib"]) {
      await assert.rejects(scene.agent.restore("docs", to, { overwrite: true, delete: true }), { code: "usage" });
    }
    await symlink("/etc", "/tmp/looks-harmless");
    const behind = await scene.agent.restore("docs", "/tmp/looks-harmless", { overwrite: true, delete: true });
    assert.equal(behind.run.error?.code, "usage", behind.run.error?.message);
  });
});
