/** Backups that begin by themselves. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { copying, endlessJob, homeAndEndless, makeEndlessSource } from "../harness/endless-backup.ts";
import { Scene } from "../harness/scene.ts";
import { until } from "../harness/until.ts";

/** Rarely enough that what is begun again after the kill is the same occurrence. */
const often = 'schedule: { cron: "*/5 * * * *", timezone: UTC }';
const fiveMinutesMs = 300_000;

/** As libfaketime has it: from then on. */
function clockFrom(time: Date): string {
  return `@${time.toISOString().slice(0, 19).replace("T", " ")}`;
}

function scheduled(config: string): string {
  return config.replace(endlessJob, endlessJob.replace(" }", `, ${often} }`));
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
    await scene.startAgent(scheduled, clockFrom(new Date("2026-12-10T01:59:30Z")));
    await until(async () => (await states()).length === 1, "a backup has begun");
    const [run] = (await scene.agent.runs({ job: "endless" })).runs;
    const beganMs = run?.startedAt?.getTime() ?? 0;
    const dueMs = Math.floor(beganMs / fiveMinutesMs) * fiveMinutesMs;
    assert.ok(beganMs - dueMs < 30_000, `it was due at ${new Date(dueMs)}, and began at ${new Date(beganMs)}`);
    assert.deepEqual(run?.caller, { uid: 0, name: "schedule jobs.endless" });
    await copying(scene.agent, run?.id ?? "");
    const next = { nextStart: new Date(dueMs + fiveMinutesMs), nextSchedule: "jobs.endless", waitsFor: "" };
    const shown = async () => {
      const [status] = (await scene.agent.status()).jobs;
      const { nextStart, nextSchedule, waitsFor } = status ?? {};
      return { nextStart, nextSchedule, waitsFor };
    };
    assert.deepEqual(await shown(), next);
    await scene.agent.stop("SIGKILL");

    const quick = (config: string) => scheduled(config).replace(", bandwidthLimit: 10K", "");
    await scene.startAgent(quick, clockFrom(new Date(dueMs + 40_000)));
    await until(
      async () => (await states()).length > 1 && !(await states()).includes(RunState.RUNNING),
      "it has ended",
    );
    assert.deepEqual(await shown(), next);
    assert.deepEqual(await states(), [RunState.DONE, RunState.INTERRUPTED]);
    assert.equal((await scene.agent.snapshots("endless")).length, 1);
  });
});
