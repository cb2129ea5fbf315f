/**
 * What it costs to read a volume of which nothing is in memory, at the other end of a long link: counted in round trips. What the
 * emulated processor takes for it is known from doing the same without the link, and does not count.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { Followed } from "./lab-agent.ts";
import { assertDone, homeAndDocs, Scene, type SceneOptions } from "./scene.ts";

const exec = promisify(execFile);
const source = "/tmp/cold-source";
const target = "/tmp/cold-target";
const directories = 150;
const filesEach = 2;
const fileBytes = 3000;
const rttMs = 300;

async function makeSource(): Promise<void> {
  for (let number = 0; number < directories; number += 1) {
    const directory = join(source, `d${number}`);
    await mkdir(directory, { recursive: true });
    for (let file = 0; file < filesEach; file += 1)
      await writeFile(join(directory, `f${file}`), randomBytes(fileBytes));
  }
}

async function dropCaches(): Promise<void> {
  await exec("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
}

function msOf(step: string, { events }: Followed): number {
  const at = (kind: "stepBegan" | "stepEnded") =>
    events.find((event) => event.kind?.$case === kind && event.kind.value.step === step)?.time?.getTime() ?? 0;
  return at("stepEnded") - at("stepBegan");
}

/** @param reached how the scene's volume is reached */
export function describeColdVolume(reached: Pick<SceneOptions, "remote" | "helper">): void {
  const isNbd = reached.helper !== undefined;
  describe(`a cold volume far away, ${reached.remote}`, () => {
    const scene = Scene.set({ ...reached, prepare: makeSource, config: homeAndDocs(source) });

    before(async () => {
      await scene.agent.trust();
      assertDone(await scene.agent.create("home"));
      assertDone(await scene.agent.backup("docs"));
    });
    /** What the link adds to a step of a run that begins with nothing in memory. */
    const roundTripsOf = async (step: string, start: () => Promise<Followed>): Promise<number> => {
      const tookMs: number[] = [];
      for (const linkMs of [0, rttMs]) {
        await scene.host.setLink({ rttMs: linkMs });
        await dropCaches();
        const followed = await start();
        assertDone(followed);
        tookMs.push(msOf(step, followed));
      }
      const [nearMs = 0, farMs = 0] = tookMs;
      console.log(`${step}: ${Math.round(nearMs)} ms near, ${Math.round(farMs)} ms far away`);
      return Math.round((farMs - nearMs) / rttMs);
    };
    let bytesRead = 0;
    let wholeBytes = 0;
    /** Sets {@link bytesRead} to what has come from the host. */
    const counted = async <T>(work: () => Promise<T>): Promise<T> => {
      const before = await scene.host.wireBytes();
      const done = await work();
      bytesRead = (await scene.host.wireBytes()).received - before.received;
      return done;
    };
    after(() => Promise.all([source, target].map((path) => rm(path, { recursive: true, force: true }))));

    it("is compared with in far fewer round trips than it has directories", async () => {
      const roundTrips = await roundTripsOf("compare", async () => {
        const backup = await scene.agent.backup("docs");
        assert.equal(backup.run.totals?.filesCopied, 0);
        return backup;
      });
      console.log(`compared in ${roundTrips} round trips: ${directories} directories`);
      assert.ok(roundTrips < directories * 0.6, `${roundTrips} round trips`);
    });

    it("is verified in far fewer round trips than it has files", async () => {
      const roundTrips = await roundTripsOf("compare", () => scene.agent.verify("docs"));
      console.log(`verified in ${roundTrips} round trips: ${directories * filesEach} files`);
      assert.ok(roundTrips < (directories * filesEach) / 3, `${roundTrips} round trips`);
    });

    it("is given back in far fewer round trips than it has files", async () => {
      const roundTrips = await roundTripsOf("copy", async () => {
        await rm(target, { recursive: true, force: true });
        return await counted(() => scene.agent.restore("docs", target));
      });
      wholeBytes = bytesRead;
      await exec("diff", ["--recursive", source, join(target, source)]);
      console.log(`restored in ${roundTrips} round trips: ${directories * filesEach} files`);
      assert.ok(roundTrips < (directories * filesEach) / 3, `${roundTrips} round trips`);
    });

    // over sshfs the kernel reads ahead in the image, whatever lies there
    it("of which half is there gives back the other half, and no more of it is read", { skip: !isNbd }, async () => {
      const roundTrips = await roundTripsOf("copy", async () => {
        const half = Array.from({ length: directories / 2 }, (_, number) => join(target, source, `d${number * 2 + 1}`));
        await Promise.all(half.map((path) => rm(path, { recursive: true })));
        return await counted(() => scene.agent.restore("docs", target, { overwrite: true }));
      });
      await exec("diff", ["--recursive", source, join(target, source)]);
      const filesBrought = (directories * filesEach) / 2;
      console.log(`half restored in ${roundTrips} round trips: ${bytesRead} bytes, of all ${wholeBytes}`);
      assert.ok(roundTrips < filesBrought * 0.6, `${roundTrips} round trips`);
      // of what had been read for all, the content of the other half is missing; directories and inodes are not
      assert.ok(bytesRead < wholeBytes - filesBrought * fileBytes, `${bytesRead} bytes`);
    });
  });
}
