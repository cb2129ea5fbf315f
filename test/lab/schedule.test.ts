/** Backups that begin by themselves. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { copying, endlessJob, homeAndEndless, makeEndlessSource } from "./harness/endless-backup.ts";
import { Scene } from "./harness/scene.ts";
import { until } from "./harness/until.ts";

const twoOClock = 'schedule: { cron: "0 2 * * *", timezone: UTC }';

function scheduled(config: string): string {
  return config.replace(endlessJob, endlessJob.replace(" }", `, ${twoOClock} }`));
}

describe("a schedule", () => {
  const scene = Scene.set({
    prepare: makeEndlessSource,
    config: homeAndEndless,
    runs: "{ attempts: 2 }",
    volumes: ["home"],
  });
  const states = async () => (await scene.agent.runs({ job: "endless" })).runs.map(({ state }) => state);

  it("has a backup begin at its time; of an agent that is killed in it, once more, to its end", async () => {
    await scene.agent.stop();
    await scene.startAgent(scheduled, "@2026-12-10 01:59:50");
    const [status] = (await scene.agent.status()).jobs;
    assert.deepEqual(status?.nextStart, new Date("2026-12-10T02:00:00Z"));
    assert.equal(status?.nextSchedule, "jobs.endless");
    await until(async () => (await states()).length === 1, "a backup has begun");
    const [run] = (await scene.agent.runs({ job: "endless" })).runs;
    assert.deepEqual(run?.caller, { uid: 0, name: "schedule jobs.endless" });
    await copying(scene.agent, run?.id ?? "");
    await scene.agent.stop("SIGKILL");

    const quick = (config: string) => scheduled(config).replace(", bandwidthLimit: 10K", "");
    await scene.startAgent(quick, "@2026-12-10 02:05:00");
    await until(
      async () => !(await states()).includes(RunState.RUNNING) && (await states()).length > 1,
      "it has ended",
    );
    assert.deepEqual(await states(), [RunState.DONE, RunState.INTERRUPTED]);
    assert.equal((await scene.agent.snapshots("endless")).length, 1);
    const [after] = (await scene.agent.status()).jobs;
    assert.deepEqual(after?.nextStart, new Date("2026-12-11T02:00:00Z"));
    assert.deepEqual(await states(), [RunState.DONE, RunState.INTERRUPTED]);
  });
});
