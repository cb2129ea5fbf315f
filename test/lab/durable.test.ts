/** What a run says is written is on the backup host, whatever happens to the connection, or here, a moment later. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/durable-source";
const fileBytes = 1_000_000;

describe("a snapshot that has been sealed", () => {
  const scene = Scene.set({
    prepare: () => mkdir(source, { recursive: true }),
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("is there when the cable is pulled the moment after", async () => {
    // what is not waited for is still on its way for seconds
    await scene.host.setLink({ rttMs: 100, mbit: 4 });
    await writeFile(join(source, "file"), randomBytes(fileBytes));
    const { run: started } = await scene.agent.startBackup("docs");
    const { run: ended } = await scene.agent.follow(started?.id ?? "", ({ kind }) => {
      if (kind?.$case === "stepEnded" && kind.value.step === "seal") void scene.host.stop();
    });
    assert.notEqual(ended.state, RunState.RUNNING);
    await scene.host.start();
    await scene.host.setLink({ rttMs: 0 });
    const [snapshot] = await scene.agent.snapshots("docs");
    assert.ok(snapshot && !snapshot.partial, "it is there, and finished");
    const { run: verified } = await scene.agent.verify("docs");
    assert.equal(verified.state, RunState.DONE, verified.error?.message);
    assert.equal(verified.totals?.filesEqual, 1);
  });
});
