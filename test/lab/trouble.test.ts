/** Sources that fail while they are read, and a volume that is too small. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, configPath, identityFile, LabAgent, remoteLine } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";

const run = promisify(execFile);
const big = "/tmp/big-source";
const broken = "/srv/broken-disk";
const brokenImage = "/run/broken-disk.ext4";

describe("a backup in trouble", () => {
  let host: SecondHost;
  let agent: LabAgent;
  let config = "";

  before(async () => {
    await LabAgent.forget();
    host = await SecondHost.create({ identityFile });
    await mkdir(big, { recursive: true });
    for (let index = 0; index < 12; index += 1) await writeFile(join(big, `f${index}`), randomBytes(4_000_000));
    await makeBrokenDisk();
    config = `
${remoteLine(host)}
volumes:
  tight: { remote: vault, image: tight.luks, size: 64M, ${cheapKdf} }
jobs:
  big: { volume: tight, sources: [${big}] }
  little: { volume: tight, sources: [/usr/share/perl/5.36.0/Pod] }
  broken: { volume: tight, sources: [${broken}] }
`;
    agent = await LabAgent.start(config);
    await agent.trust();
    const { run: created } = await agent.create("tight");
    assert.equal(created.state, RunState.DONE, created.error?.message);
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await run("umount", [broken]);
    await run("dmsetup", ["remove", "broken"]);
    await host[Symbol.asyncDispose]();
    await assertNothingLeft();
  });

  it("is incomplete when a file cannot be read, and names it", async () => {
    const backup = await agent.backup("broken");
    assert.equal(backup.run.state, RunState.INCOMPLETE, backup.run.error?.message);
    assert.match(backup.warnings.join("\n"), /broken-disk\/bad: could not be copied: input\/output error/);
    assert.equal(
      backup.warnings.some((warning) => warning.includes("/good:")),
      false,
    );
    const entries = await agent.files("broken", broken);
    assert.ok(entries.some(({ path }) => path.toString().endsWith("/good")));
  });

  it("says how much is missing when the volume is full, and keeps the snapshots there are", async () => {
    const little = await agent.backup("little");
    assert.equal(little.run.state, RunState.DONE, little.run.error?.message);
    const full = await agent.backup("big");
    assert.equal(full.run.state, RunState.FAILED);
    assert.equal(full.run.error?.code, "full");
    const missing = Number(/about ([\d.]+) MiB more/.exec(full.run.error?.message ?? "")?.[1]);
    assert.ok(missing > 3 && missing < 50, full.run.error?.message);
    const verified = await agent.verify("little");
    assert.equal(verified.run.state, RunState.DONE, verified.run.error?.message);
    const snapshots = await agent.snapshots("big");
    assert.deepEqual(
      snapshots.map(({ partial }) => partial),
      [true],
    );
  });

  it("is thinned on request", async () => {
    const dry = await agent.prune("big", { partial: true, dryRun: true });
    assert.match(dry.run.summary, /would remove 1 snapshot/);
    assert.equal((await agent.snapshots("big")).length, 1);
    const pruned = await agent.prune("big", { partial: true });
    assert.equal(pruned.run.state, RunState.DONE, pruned.run.error?.message);
    assert.equal((await agent.snapshots("big")).length, 0);
  });

  it("goes on where it was after the volume has grown", async () => {
    const full = await agent.backup("big");
    assert.equal(full.run.error?.code, "full");
    assert.equal(await agent.stop(), 0);
    agent = await LabAgent.start(config.replace("size: 64M", "size: 112M"));
    const resized = await agent.resize("tight");
    assert.equal(resized.run.state, RunState.DONE, resized.run.error?.message);
    const resumed = await agent.backup("big");
    assert.equal(resumed.run.state, RunState.DONE, resumed.run.error?.message);
    assert.ok(
      resumed.events.some(({ kind }) => kind?.$case === "note" && kind.value.message.startsWith("going on with")),
    );
    assert.ok((resumed.run.totals?.filesCopied ?? 12) < 12, "files that had been copied were not copied again");
    const verified = await agent.verify("big");
    assert.equal(verified.run.totals?.filesEqual, 12);
  });

  it("does not shrink", async () => {
    assert.equal(await agent.stop(), 0);
    agent = await LabAgent.start(config);
    const resized = await agent.resize("tight");
    assert.equal(resized.run.error?.code, "usage");
    const backup = await agent.backup("little");
    assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
  });

  it("removes a named snapshot and leads `latest` to the one before", async () => {
    const [first, second] = await agent.snapshots("little");
    const pruned = await agent.prune("little", { snapshots: [second?.name ?? ""] });
    assert.equal(pruned.run.state, RunState.DONE, pruned.run.error?.message);
    const left = await agent.snapshots("little");
    assert.deepEqual(
      left.map(({ name, latest }) => ({ name, latest })),
      [{ name: first?.name, latest: true }],
    );
    const unknown = await agent.prune("little", { snapshots: ["2001-01-01T00-00-00Z"] });
    assert.equal(unknown.run.error?.code, "not_found");
    assert.ok((await readFile(configPath, "utf8")).length > 0);
  });
});

/** A disk on which one file lies on sectors that cannot be read. */
async function makeBrokenDisk(): Promise<void> {
  await run("truncate", ["--size=32M", brokenImage]);
  await run("mkfs.ext4", ["-q", "-b", "4096", brokenImage]);
  await mkdir(broken, { recursive: true });
  await run("mount", ["-o", "loop", brokenImage, broken]);
  await writeFile(join(broken, "good"), randomBytes(100_000));
  await writeFile(join(broken, "bad"), randomBytes(100_000));
  await run("sync", ["-f", broken]);
  const { stdout: extents } = await run("filefrag", ["-b4096", "-e", join(broken, "bad")]);
  const block = Number(/^\s*0:\s+\d+\.\.\s*\d+:\s+(\d+)\.\./m.exec(extents)?.[1]);
  await run("umount", [broken]);
  const loop = (await run("losetup", ["--find", "--show", brokenImage])).stdout.trim();
  const bad = block * 8;
  const sectors = 32 * 2048;
  const table = [
    `0 ${bad} linear ${loop} 0`,
    `${bad} 8 error`,
    `${bad + 8} ${sectors - bad - 8} linear ${loop} ${bad + 8}`,
  ].join("\n");
  const child = run("dmsetup", ["create", "broken"]);
  child.child.stdin?.end(`${table}\n`);
  await child;
  // without udev nobody makes the name
  await run("dmsetup", ["mknodes", "broken"]);
  await run("mount", ["/dev/mapper/broken", broken]);
  await rm(join(broken, "lost+found"), { recursive: true });
}
