/**
 * The warmer on a device that takes long to answer: how many reads it has under way, and whether it leaves any. What it is good
 * for in a run is in cold-volume.test.ts.
 */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { until } from "./harness/until.ts";

const exec = promisify(execFile);

async function run(file: string, ...args: string[]): Promise<string> {
  return (await exec(file, args)).stdout.trim();
}

async function dropCaches(): Promise<void> {
  await run("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
}

/** @returns its name, such as "dm-3" */
async function map(name: string, table: string): Promise<string> {
  await run("dmsetup", "create", "--noudevsync", name, "--table", table);
  return run("dmsetup", "info", "--columns", "--noheadings", "-o", "blkdevname", name);
}

describe("the warmer on a slow device", () => {
  const delayMs = 100;
  const directories = 120;
  const filesEach = 4;
  const image = "/run/warm.ext4";
  const mounted = "/run/warm";
  const mapping = "warm-lab";
  let loop = "";
  let dm = "";

  before(async () => {
    await run("modprobe", "dm-delay");
    await writeFile(image, "");
    await truncate(image, 64 * 2 ** 20);
    await run("mkfs.ext4", "-q", image);
    loop = await run("losetup", "--find", "--show", image);
    await mkdir(mounted, { recursive: true });
    await run("mount", loop, mounted);
    for (let file = 0; file < filesEach; file += 1) {
      for (let directory = 0; directory < directories; directory += 1) {
        const path = join(mounted, `d${directory % 10}`, `e${directory}`);
        if (file === 0) await mkdir(path, { recursive: true });
        await writeFile(join(path, `f${file}`), randomBytes(6000));
      }
    }
    await run("umount", mounted);
    const sectors = await run("blockdev", "--getsz", loop);
    const slow = await map(`${mapping}-slow`, `0 ${sectors} delay ${loop} 0 ${delayMs}`);
    // what dm-delay holds back is not under way in its own numbers (ti->accounts_remapped_io): counted is above it
    dm = await map(mapping, `0 ${sectors} linear /dev/${slow} 0`);
    await run("mount", "-o", "ro", `/dev/${dm}`, mounted);
  });
  after(async () => {
    for (const undo of [
      ["umount", mounted],
      ["dmsetup", "remove", mapping],
      ["dmsetup", "remove", `${mapping}-slow`],
      ["losetup", "--detach", loop],
    ]) {
      const [file = "", ...args] = undo;
      await run(file, ...args).catch(() => undefined);
    }
    await rm(image, { force: true });
  });

  /** Documentation/block/stat.rst: reads that have ended, the sum of their milliseconds, those under way, milliseconds with any. */
  const stat = async () => {
    const fields = (await readFile(`/sys/block/${dm}/stat`, "utf8")).trim().split(/\s+/).map(Number);
    return { reads: fields[0] ?? 0, readMs: fields[3] ?? 0, underWay: fields[8] ?? 0, busyMs: fields[9] ?? 0 };
  };
  const counted = async (work: () => Promise<unknown>) => {
    const was = await stat();
    await work();
    // the kernel goes on with what it was advised to read when the warmer has ended: such a read is the warmer's
    await until(async () => (await stat()).underWay === 0, "all reads to end");
    const is = await stat();
    return { reads: is.reads - was.reads, readMs: is.readMs - was.readMs, busyMs: is.busyMs - was.busyMs };
  };
  const warm = async (what: string) => {
    const child = spawn(process.execPath, ["--jitless", resolve("dist/luksmith-warmer.mjs")], {
      env: { UV_THREADPOOL_SIZE: "32" },
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.stdin.write(`${what}\0${mounted}\0\0\0`);
    assert.deepEqual(await once(child, "exit"), [0, null]);
  };

  it("reads many directories at a time, and leaves none to be read", async () => {
    await dropCaches();
    const warming = await counted(() => warm("directories"));
    assert.ok(warming.reads >= directories, `${warming.reads} reads`);
    const atATime = warming.readMs / warming.busyMs;
    console.log(`directories: ${warming.reads} reads, ${atATime.toFixed(1)} at a time`);
    assert.ok(atATime > 4, `${atATime} at a time`);
    const reading = await counted(() => run("find", mounted, "-type", "d"));
    assert.equal(reading.reads, 0);
  });

  it("reads many files at a time, and leaves none to be read", async () => {
    await dropCaches();
    const warming = await counted(() => warm("files"));
    assert.ok(warming.reads >= directories, `${warming.reads} reads`);
    const atATime = warming.readMs / warming.busyMs;
    console.log(`files: ${warming.reads} reads, ${atATime.toFixed(1)} at a time`);
    assert.ok(atATime > 8, `${atATime} at a time`);
    const reading = await counted(() =>
      run("bash", "-c", `find ${mounted} -type f -print0 | xargs -0 cat > /dev/null`),
    );
    assert.equal(reading.reads, 0);
  });
});
