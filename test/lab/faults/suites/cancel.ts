/** A run that is cancelled, at whatever it is just doing. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { systemClock } from "../../../../common/clock.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessSource, makeEndlessSource } from "../../harness/endless-backup.ts";
import type { LabAgent } from "../../harness/lab-agent.ts";
import { assertNothingLeft } from "../../harness/leak-check.ts";
import { hostNoticesWithinMs, type Over, sceneOver, volumeOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";
import { until } from "../../harness/until.ts";

const cleanWithinMs = 10_000;
const large = "/tmp/large-file";
const largeBytes = 20_000_000;
const steps = ["before hooks", "connect", "unlock", "mount", "copy", "seal", "detach"];

export function describeCancel(over: Over): void {
  describe(`a run that is cancelled ${over.way}`, () => {
    const scene = Scene.set({
      ...sceneOver(over),
      prepare: async () => {
        await makeEndlessSource();
        await writeFile("/tmp/slow-hook", "#!/bin/sh\nsleep 600 & wait\n", { mode: 0o755 });
      },
      config: `
volumes:
  home: { remote: vault, image: home.luks, ${volumeOver(over, 64)} }
jobs:
  hooked: { volume: home, sources: [${endlessSource}], before: [/tmp/slow-hook] }
  docs: { volume: home, sources: [${endlessSource}] }
  slow: { volume: home, sources: [${large}], bandwidthLimit: 2M }
`,
      volumes: ["home"],
    });

    for (const step of steps) {
      it(`in the step "${step}" has let go of everything within ten seconds`, async (context) => {
        await scene.host.setLink({ rttMs: 40, mbit: 20 });
        const { run, tookMs } = await cancelledIn(scene.agent, step, over);
        context.diagnostic(`${(tookMs / 1000).toFixed(1)} s`);
        // what was all done but for the detaching is done
        const allowed: RunState[] = step === "detach" ? [RunState.DONE] : [RunState.CANCELLED];
        assert.ok(allowed.includes(run.state), `state ${run.state}: ${run.error?.message}`);
        assert.ok(tookMs < cleanWithinMs, `clean after ${Math.round(tookMs)} ms`);
      });
    }

    it("while the host does not answer its connecting has let go of everything within ten seconds", async (context) => {
      await scene.host.unplug();
      const { run, tookMs } = await cancelledIn(scene.agent, "connect", over);
      context.diagnostic(`${(tookMs / 1000).toFixed(1)} s`);
      assert.equal(run.state, RunState.CANCELLED, run.error?.message);
      assert.ok(tookMs < cleanWithinMs, `clean after ${Math.round(tookMs)} ms`);
      await scene.host.plugIn();
    });

    it("in the middle of a large file keeps what of it has arrived", async (context) => {
      const { agent, host } = scene;
      await host.setLink({ rttMs: 0 });
      await writeFile(large, randomBytes(largeBytes));
      const sent = async () => (await host.wireBytes()).sent;
      const before = await sent();
      const { run: started } = await agent.startBackup("slow");
      const id = started?.id ?? "";
      await until(async () => (await sent()) - before > largeBytes / 2, "half of it is sent");
      await agent.cancel(id);
      assert.equal((await agent.follow(id)).run.state, RunState.CANCELLED);
      const half = await sent();
      assertDone(await agent.backup("slow"));
      const again = (await sent()) - half;
      context.diagnostic(`${largeBytes} B, of which ${again} B after the cancellation`);
      assert.ok(again < 0.75 * largeBytes, `${again} B were sent after the cancellation`);
      assertDone(await agent.verify("slow"));
    });

    it("is gone on with by the next", async () => {
      await scene.host.setLink({ rttMs: 0 });
      const next = await scene.agent.backup("docs");
      assertDone(next);
      const verified = await scene.agent.verify("docs");
      assertDone(verified);
      assert.equal(verified.run.totals?.filesEqual, endlessFiles);
    });
  });
}

async function cancelledIn(agent: LabAgent, step: string, over: Over) {
  const { run: started } = await agent.startBackup(step === "before hooks" ? "hooked" : "docs");
  const id = started?.id ?? "";
  let cancelledMs = 0;
  const { run } = await agent.follow(id, ({ kind }) => {
    if (kind?.$case !== "stepBegan" || kind.value.step !== step) return;
    cancelledMs = systemClock.monotonicMs();
    void agent.cancel(id);
  });
  if (over.helper === undefined) await assertNothingLeft();
  const tookMs = systemClock.monotonicMs() - cancelledMs;
  // the ten seconds are the machine's: the host ends what it has for it when it knows
  if (over.helper !== undefined) await assertNothingLeft(undefined, hostNoticesWithinMs);
  assert.ok(cancelledMs > 0, `there was no step ${step}`);
  return { run, tookMs };
}
