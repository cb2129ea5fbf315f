/** An agent that is told to stop while its host does not answer. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { homeAndEndless, startEndlessBackup } from "../harness/endless-backup.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { Scene } from "../harness/scene.ts";

const cleanWithinMs = 10_000;

describe("an agent with a volume that hangs", () => {
  const scene = Scene.set({
    config: homeAndEndless,
    volumes: ["home"],
  });
  let politelyMs = 0;

  async function stopped(signals: 1 | 2): Promise<number> {
    const id = await startEndlessBackup(scene.agent);
    await scene.host.unplug();
    const beganMs = systemClock.monotonicMs();
    if (signals === 2) process.kill(scene.agent.pid, "SIGTERM");
    assert.equal(await scene.agent.stop("SIGTERM"), 0);
    await assertNothingLeft();
    const tookMs = systemClock.monotonicMs() - beganMs;
    await scene.host.plugIn();
    await scene.startAgent();
    const { run } = await scene.agent.follow(id);
    assert.equal(run.state, RunState.CANCELLED, run.error?.message);
    return tookMs;
  }

  it("has unwound within ten seconds when it is told to stop", async (context) => {
    politelyMs = await stopped(1);
    context.diagnostic(`${(politelyMs / 1000).toFixed(1)} s`);
    assert.ok(politelyMs < cleanWithinMs, `after ${Math.round(politelyMs)} ms`);
  });

  it("is faster when it is told twice, and unwinds all the same", async (context) => {
    const tookMs = await stopped(2);
    context.diagnostic(`${(tookMs / 1000).toFixed(1)} s`);
    assert.ok(tookMs < politelyMs, `${Math.round(tookMs)} ms, told once ${Math.round(politelyMs)} ms`);
  });
});
