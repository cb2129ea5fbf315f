/** A run that is watched, while it lasts and afterwards. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { makeManyFiles } from "./harness/tree.ts";

const source = "/tmp/run-source";

describe("a run", () => {
  const scene = Scene.set({
    prepare: () => makeManyFiles(source, 20, 100_000),
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  slow: { volume: home, sources: [${source}], bandwidthLimit: 400K }
`,
    volumes: ["home"],
  });

  it("is replayed from the start and followed to the end, by as many as want to", async () => {
    const { run: started } = await scene.agent.startBackup("slow");
    const id = started?.id ?? "";
    const gone = scene.agent.follow(id).catch(() => undefined);
    const [first, second] = await Promise.all([scene.agent.follow(id), scene.agent.follow(id)]);
    await gone;
    assertDone(first);
    const recorded = (events: readonly RunEvent[]) =>
      events.filter(({ kind }) => kind?.$case !== "progress").map(({ seq }) => seq);
    assert.deepEqual(recorded(first.events), recorded(second.events));
    const later = await scene.agent.follow(id);
    assert.deepEqual(recorded(later.events), recorded(first.events));
    assert.equal(first.events[0]?.seq, 1);
  });
});
