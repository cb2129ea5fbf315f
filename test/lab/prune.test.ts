/** Snapshots that are removed by name. */

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { configPath } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/prune-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "file"), "kept\n");
}

describe("pruning", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("removes a named snapshot and leads `latest` to the one before", async () => {
    for (let count = 0; count < 2; count += 1) assertDone(await scene.agent.backup("docs"));
    const [first, second] = await scene.agent.snapshots("docs");
    assertDone(await scene.agent.prune("docs", { snapshots: [second?.name ?? ""] }));
    const left = await scene.agent.snapshots("docs");
    assert.deepEqual(
      left.map(({ name, latest }) => ({ name, latest })),
      [{ name: first?.name, latest: true }],
    );
    const unknown = await scene.agent.prune("docs", { snapshots: ["2001-01-01T00-00-00Z"] });
    assert.equal(unknown.run.error?.code, "not_found");
    assert.ok((await readFile(configPath, "utf8")).length > 0);
  });
});
