/** A backup host from which nothing comes back any more: the connection stands, and every packet is dropped. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { endlessSource, homeAndEndless, startEndlessBackup } from "../harness/endless-backup.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { assertDone, Scene } from "../harness/scene.ts";

const stallMs = 5000;
const cleanWithinMs = 10_000;

describe("a backup host that falls silent", () => {
  const scene = Scene.set({
    remote: `stallTimeout: ${stallMs}ms`,
    config: `${homeAndEndless}  fast: { volume: home, sources: [${endlessSource}] }
`,
    volumes: ["home"],
  });

  it("ends the run, and within ten seconds everything of it is gone", async () => {
    const id = await startEndlessBackup(scene.agent);
    await scene.host.unplug();
    const followed = scene.agent.follow(id);
    // by the watchdog, or by ssh on a machine that is late with it: the finding is the same
    await Promise.race([scene.agent.logged(/the stack is broken/), followed]);
    const detectedMs = systemClock.monotonicMs();
    const { run: ended } = await followed;
    await assertNothingLeft();
    const tookMs = systemClock.monotonicMs() - detectedMs;
    assert.equal(ended.state, RunState.FAILED);
    assert.equal(ended.error?.code, "stalled", ended.error?.message);
    assert.match(ended.error?.message ?? "", /vault has not answered for 5.0 s/);
    assert.ok(tookMs < cleanWithinMs, `clean after ${Math.round(tookMs)} ms`);
    await scene.host.plugIn();
    assertDone(await scene.agent.backup("fast"));
  });

  it("is waited for when it is silent for less", async () => {
    const { run: started } = await scene.agent.startBackup("fast");
    await scene.host.unplug();
    await systemClock.sleep(stallMs / 2);
    await scene.host.plugIn();
    assertDone(await scene.agent.follow(started?.id ?? ""));
  });
});
