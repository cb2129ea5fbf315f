/** A run that is cancelled, at whatever it is just doing. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessSource, makeEndlessSource } from "../harness/endless-backup.ts";
import { cheapKdf, type LabAgent } from "../harness/lab-agent.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { assertDone, Scene } from "../harness/scene.ts";

const cleanWithinMs = 10_000;
const steps = ["before hooks", "connect", "unlock", "mount", "copy", "seal", "detach"];

describe("a run that is cancelled", () => {
  const scene = Scene.set({
    prepare: async () => {
      await makeEndlessSource();
      await writeFile("/tmp/slow-hook", "#!/bin/sh\nsleep 600 & wait\n", { mode: 0o755 });
    },
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  hooked: { volume: home, sources: [${endlessSource}], before: [/tmp/slow-hook] }
  docs: { volume: home, sources: [${endlessSource}] }
`,
    volumes: ["home"],
  });

  for (const step of steps) {
    it(`in the step "${step}" has let go of everything within ten seconds`, async (context) => {
      await scene.host.setLink({ rttMs: 40, mbit: 20 });
      const { run, tookMs } = await cancelledIn(scene.agent, step);
      context.diagnostic(`${(tookMs / 1000).toFixed(1)} s`);
      // what was all done but for the detaching is done
      const allowed: RunState[] = step === "detach" ? [RunState.DONE] : [RunState.CANCELLED];
      assert.ok(allowed.includes(run.state), `state ${run.state}: ${run.error?.message}`);
      assert.ok(tookMs < cleanWithinMs, `clean after ${Math.round(tookMs)} ms`);
    });
  }

  it("is gone on with by the next", async () => {
    await scene.host.setLink({ rttMs: 0 });
    const next = await scene.agent.backup("docs");
    assertDone(next);
    const verified = await scene.agent.verify("docs");
    assertDone(verified);
    assert.equal(verified.run.totals?.filesEqual, endlessFiles);
  });
});

async function cancelledIn(agent: LabAgent, step: string) {
  const { run: started } = await agent.startBackup(step === "before hooks" ? "hooked" : "docs");
  const id = started?.id ?? "";
  let cancelledMs = 0;
  const { run } = await agent.follow(id, ({ kind }) => {
    if (kind?.$case !== "stepBegan" || kind.value.step !== step) return;
    cancelledMs = systemClock.monotonicMs();
    void agent.cancel(id);
  });
  await assertNothingLeft();
  assert.ok(cancelledMs > 0, `there was no step ${step}`);
  return { run, tookMs: systemClock.monotonicMs() - cancelledMs };
}
