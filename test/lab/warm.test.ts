/**
 * Many reads under way for whoever reads a volume. What is asserted is how many there were at a time and how many round trips
 * something cost, on devices and links that are so slow that the emulated processor's own time does not matter.
 */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { Followed } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const exec = promisify(execFile);

async function run(file: string, ...args: string[]): Promise<string> {
  return (await exec(file, args)).stdout.trim();
}

async function dropCaches(): Promise<void> {
  await run("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
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
    await run("dmsetup", "create", "--noudevsync", mapping, "--table", `0 ${sectors} delay ${loop} 0 ${delayMs}`);
    dm = await run("dmsetup", "info", "--columns", "--noheadings", "-o", "blkdevname", mapping);
    await run("mount", "-o", "ro", `/dev/${dm}`, mounted);
  });
  after(async () => {
    for (const undo of [
      ["umount", mounted],
      ["dmsetup", "remove", mapping],
      ["losetup", "--detach", loop],
    ]) {
      const [file = "", ...args] = undo;
      await run(file, ...args).catch(() => undefined);
    }
    await rm(image, { force: true });
  });

  /** Documentation/block/stat.rst: reads, the sum of their milliseconds, milliseconds with any under way. */
  const stat = async () => {
    const fields = (await readFile(`/sys/block/${dm}/stat`, "utf8")).trim().split(/\s+/).map(Number);
    return { reads: fields[0] ?? 0, readMs: fields[3] ?? 0, busyMs: fields[9] ?? 0 };
  };
  const counted = async (work: () => Promise<unknown>) => {
    const was = await stat();
    await work();
    const is = await stat();
    return { reads: is.reads - was.reads, readMs: is.readMs - was.readMs, busyMs: is.busyMs - was.busyMs };
  };
  const warm = async (what: string) => {
    const child = spawn(process.execPath, ["--jitless", resolve("dist/luksmith-warmer.mjs")], {
      env: { UV_THREADPOOL_SIZE: "32" },
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.stdin.write(`${what}\0${mounted}\0\0`);
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
    // one that was on its way when the warmer ended may still be
    assert.ok(reading.reads < 5, `${reading.reads} reads were left`);
  });
});

for (const transport of ["sshfs", "nbd"]) {
  describe(`a cold volume at the other end of a slow link, over ${transport}`, () => {
    const source = "/tmp/warm-source";
    const target = "/tmp/warm-target";
    const directories = 200;
    const filesEach = 2;
    const rttMs = 300;
    const scene = Scene.set({
      remote: `transport: ${transport}`,
      helper: {},
      prepare: async () => {
        for (let number = 0; number < directories; number += 1) {
          const directory = join(source, `d${number}`);
          await mkdir(directory, { recursive: true });
          for (let file = 0; file < filesEach; file += 1)
            await writeFile(join(directory, `f${file}`), randomBytes(3000));
        }
      },
      config: homeAndDocs(source),
    });

    const roundTripsOf = (step: string, { events }: Followed): number => {
      const at = (kind: "stepBegan" | "stepEnded") =>
        events.find((event) => event.kind?.$case === kind && event.kind.value.step === step)?.time?.getTime() ?? 0;
      return Math.round((at("stepEnded") - at("stepBegan")) / rttMs);
    };

    before(async () => {
      await scene.agent.trust();
      assertDone(await scene.agent.create("home"));
      assertDone(await scene.agent.backup("docs"));
      await scene.host.setLink({ rttMs });
    });

    it("is compared with in far fewer round trips than it has directories", async () => {
      const backup = await scene.agent.backup("docs");
      assertDone(backup);
      assert.equal(backup.run.totals?.filesCopied, 0);
      const roundTrips = roundTripsOf("compare", backup);
      console.log(`compared in ${roundTrips} round trips: ${directories} directories`);
      assert.ok(roundTrips < directories * 0.6, `${roundTrips} round trips`);
    });

    it("is given back in far fewer round trips than it has files", async () => {
      await dropCaches();
      const restore = await scene.agent.restore("docs", target);
      assertDone(restore);
      await run("diff", "--recursive", source, join(target, source));
      const roundTrips = roundTripsOf("copy", restore);
      console.log(`restored in ${roundTrips} round trips: ${directories * filesEach} files`);
      assert.ok(roundTrips < (directories * filesEach) / 3, `${roundTrips} round trips`);
    });
    after(() => Promise.all([source, target].map((path) => rm(path, { recursive: true, force: true }))));
  });
}
