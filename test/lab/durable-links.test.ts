/** As durable.test.ts, of the snapshots that are linked from an older one: with something new in them, and with nothing. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cutAfterSeal } from "./harness/cut-after-seal.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/durable-source";
const fileBytes = 300_000;

describe("a linked snapshot that has been sealed", () => {
  const scene = Scene.set({
    prepare: () => mkdir(source, { recursive: true }),
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("is there when the host goes away the moment after", async () => {
    for (const name of ["same", "other"]) await writeFile(join(source, name), randomBytes(fileBytes));
    assertDone(await scene.agent.backup("docs"));
    await writeFile(join(source, "other"), randomBytes(fileBytes));
    await cutAfterSeal(scene, "docs");
    await cutAfterSeal(scene, "docs");
    const snapshots = await scene.agent.snapshots("docs");
    assert.deepEqual(
      snapshots.map(({ partial }) => partial),
      [false, false, false],
    );
    const { run } = await scene.agent.verify("docs");
    assert.equal(run.totals?.filesEqual, 2, run.error?.message);
  });
});
