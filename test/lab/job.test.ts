/** What a job says: how much of the line it may take, and sources, which may not be there. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { makeManyFiles } from "./harness/tree.ts";

const source = "/tmp/job-source";

describe("a job", () => {
  const scene = Scene.set({
    prepare: () => makeManyFiles(source, 25, 5000),
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  slow: { volume: home, sources: [${source}], bandwidthLimit: 20K }
  gone: { volume: home, sources: [/srv/nowhere] }
  partly: { volume: home, sources: [${source}/d0, /srv/nowhere] }
`,
    volumes: ["home"],
  });

  it("keeps to its bandwidth limit", async () => {
    const limited = await scene.agent.backup("slow");
    assertDone(limited);
    const copied = limited.run.totals?.bytesCopied ?? 0;
    const copy = limited.events.find(({ kind }) => kind?.$case === "stepEnded" && kind.value.step === "copy");
    const ms = copy?.kind?.$case === "stepEnded" ? copy.kind.value.durationMs : 0;
    assert.ok(copied > 100_000);
    // only a lower bound of the time says something on a noisy machine
    assert.ok(ms > 4000, `${copied} bytes at 20 KiB/s in ${ms} ms`);
  });

  it("fails when no source exists, and is incomplete when one does not", async () => {
    const gone = await scene.agent.backup("gone");
    assert.equal(gone.run.error?.code, "not_found");
    const partly = await scene.agent.backup("partly");
    assert.equal(partly.run.state, RunState.INCOMPLETE);
    assert.equal(partly.run.error?.code, "incomplete");
    assert.ok(
      partly.warnings.some((warning) => warning.startsWith("/srv/nowhere: ")),
      partly.warnings.join("\n"),
    );
    const [snapshot] = await scene.agent.snapshots("partly");
    assert.equal(snapshot?.incomplete, true);
  });
});
