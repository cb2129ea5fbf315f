/** What goes wrong over nbd: the host, the wire and the agent vanish while a volume is written to. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessSource, homeAndEndless, startEndlessBackup } from "../../harness/endless-backup.ts";
import { assertNothingLeft } from "../../harness/leak-check.ts";
import { hostNoticesWithinMs, type Over, sceneOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";

export function describeNbdFaults(over: Over): void {
  describe(over.way, () => {
    const scene = Scene.set({
      ...sceneOver(over, "stallTimeout: 5s"),
      config: `${homeAndEndless}  fast: { volume: home, sources: [${endlessSource}] }
`,
      volumes: ["home"],
    });

    const endsAs = async (id: string, code: string) => {
      const { run, events } = await scene.agent.follow(id);
      assert.equal(run.state, RunState.FAILED);
      assert.equal(run.error?.code, code, run.error?.message);
      const notes = events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
      assert.ok(!notes.some((note) => note.includes("tunnel")), notes.join("\n"));
    };

    it("ends when the host vanishes, and leaves nothing", async () => {
      const id = await startEndlessBackup(scene.agent);
      await scene.host.stop();
      await endsAs(id, "lost");
      await scene.host.start();
      assertDone(await scene.agent.backup("fast"));
    });

    it("ends when nothing comes back any more", async () => {
      const id = await startEndlessBackup(scene.agent);
      await scene.host.unplug();
      // by the watchdog, or by ssh, whichever of them owes something first: the finding is the same
      await endsAs(id, "stalled").finally(() => scene.host.plugIn());
      // what the host still has of it is waited for, as it is this machine's own
      assertDone(await scene.agent.backup("fast"));
      await assertNothingLeft(undefined, hostNoticesWithinMs);
    });

    it("is released by the next agent when one is killed", async () => {
      const id = await startEndlessBackup(scene.agent);
      await scene.agent.stop("SIGKILL");
      await scene.startAgent();
      await assertNothingLeft();
      assert.equal((await scene.agent.follow(id)).run.state, RunState.INTERRUPTED);
      assertDone(await scene.agent.backup("fast"));
      const verified = await scene.agent.verify("fast");
      assertDone(verified);
      assert.equal(verified.run.totals?.filesEqual, endlessFiles);
    });
  });
}
