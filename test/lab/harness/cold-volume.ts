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
const rttMs = 300;

async function makeSource(): Promise<void> {
  for (let number = 0; number < directories; number += 1) {
    const directory = join(source, `d${number}`);
    await mkdir(directory, { recursive: true });
    for (let file = 0; file < filesEach; file += 1) await writeFile(join(directory, `f${file}`), randomBytes(3000));
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
        return await scene.agent.restore("docs", target);
      });
      await exec("diff", ["--recursive", source, join(target, source)]);
      console.log(`restored in ${roundTrips} round trips: ${directories * filesEach} files`);
      assert.ok(roundTrips < (directories * filesEach) / 3, `${roundTrips} round trips`);
    });
  });
}
