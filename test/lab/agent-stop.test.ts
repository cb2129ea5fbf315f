/** An agent that is told to stop while it works. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { homeAndEndless, startEndlessBackup } from "./harness/endless-backup.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { assertDone, Scene } from "./harness/scene.ts";

describe("the agent", () => {
  const scene = Scene.set({
    config: homeAndEndless,
    volumes: ["home"],
  });

  it("ends its runs on SIGTERM and unwinds them, and the next one goes on with them", async () => {
    const id = await startEndlessBackup(scene.agent);
    assert.equal(await scene.agent.stop("SIGTERM"), 0);
    await assertNothingLeft();
    await scene.startAgent((config) => config.replace(/, bandwidthLimit: \w+/, ""));
    const { run: ended } = await scene.agent.follow(id);
    assert.equal(ended.state, RunState.CANCELLED);
    assert.match(ended.error?.message ?? "", /the agent is stopping/);
    const next = await scene.agent.backup("endless");
    assertDone(next);
    assert.ok(next.events.some(({ kind }) => kind?.$case === "note" && kind.value.message.startsWith("going on with")));
  });
});
