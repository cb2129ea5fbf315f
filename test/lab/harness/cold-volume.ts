/**
 * What it costs to read a volume of which nothing is in memory, at the other end of a link so long that the emulated processor's own
 * time does not matter: counted in round trips, from a step's beginning to its end.
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

function roundTripsOf(step: string, { events }: Followed): number {
  const at = (kind: "stepBegan" | "stepEnded") =>
    events.find((event) => event.kind?.$case === kind && event.kind.value.step === step)?.time?.getTime() ?? 0;
  return Math.round((at("stepEnded") - at("stepBegan")) / rttMs);
}

/** @param reached how the scene's volume is reached */
export function describeColdVolume(reached: Pick<SceneOptions, "remote" | "helper">): void {
  describe(`a cold volume far away, ${reached.remote}`, () => {
    const scene = Scene.set({ ...reached, prepare: makeSource, config: homeAndDocs(source) });

    before(async () => {
      await scene.agent.trust();
      assertDone(await scene.agent.create("home"));
      assertDone(await scene.agent.backup("docs"));
      await scene.host.setLink({ rttMs });
    });
    after(() => Promise.all([source, target].map((path) => rm(path, { recursive: true, force: true }))));

    it("is compared with in far fewer round trips than it has directories", async () => {
      await dropCaches();
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
      await exec("diff", ["--recursive", source, join(target, source)]);
      const roundTrips = roundTripsOf("copy", restore);
      console.log(`restored in ${roundTrips} round trips: ${directories * filesEach} files`);
      assert.ok(roundTrips < (directories * filesEach) / 3, `${roundTrips} round trips`);
    });
  });
}
