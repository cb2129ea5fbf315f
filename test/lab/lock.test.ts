/** One run at a time for each volume. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LuksmithError } from "../../common/errors.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { endlessJob, endlessSource, startEndlessBackup } from "./harness/endless-backup.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

describe("a run", () => {
  const scene = Scene.set({
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
  other: { remote: vault, image: other.luks, size: 64M, ${cheapKdf} }
jobs:
  ${endlessJob}
  slow: { volume: home, sources: [${endlessSource}], bandwidthLimit: 400K }
  other: { volume: other, sources: [/usr/share/perl/5.36.0/Pod] }
`,
    volumes: ["home", "other"],
  });

  it("has the volume for itself; other volumes go on", async () => {
    const id = await startEndlessBackup(scene.agent);
    await assert.rejects(scene.agent.startBackup("slow"), (error: LuksmithError) => {
      assert.equal(error.code, "locked");
      assert.equal(error.exitCode, 11);
      assert.ok(error.message.includes(id), error.message);
      return true;
    });
    assertDone(await scene.agent.backup("other"));
    assert.deepEqual(
      (await scene.agent.status()).running.map((running) => running.id),
      [id],
    );
    await scene.agent.cancel(id);
    const { run: ended } = await scene.agent.follow(id);
    assert.equal(ended.state, RunState.CANCELLED);
  });
});
