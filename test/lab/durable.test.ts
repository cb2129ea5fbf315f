/** What a run says is written is on the backup host, whatever happens to the connection a moment later. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cutAfterSeal } from "./harness/cut-after-seal.ts";
import { homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/durable-source";
const fileBytes = 1_000_000;

describe("a first snapshot that has been sealed", () => {
  const scene = Scene.set({
    prepare: () => mkdir(source, { recursive: true }),
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("is there when the host goes away the moment after", async () => {
    await writeFile(join(source, "file"), randomBytes(fileBytes));
    await cutAfterSeal(scene, "docs");
    const [snapshot] = await scene.agent.snapshots("docs");
    assert.ok(snapshot && !snapshot.partial, "it is there, and finished");
    const { run } = await scene.agent.verify("docs");
    assert.equal(run.totals?.filesEqual, 1, run.error?.message);
  });
});
