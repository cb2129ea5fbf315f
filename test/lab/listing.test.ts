/** What is in a snapshot, listed. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileEntry_Type } from "../../proto/gen/luksmith/v1/types.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";
import { makeOddTree, oddNames } from "./harness/tree.ts";

const source = "/tmp/listing-source";

async function makeSource(): Promise<void> {
  await makeOddTree(join(source, "odd"));
  await writeFile(join(source, "plain.txt"), "plain\n");
}

describe("a listing", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("shows names as they are, whatever they hold", async () => {
    assertDone(await scene.agent.backup("docs"));
    const entries = await scene.agent.files("docs", join(source, "odd"));
    const names = entries.map(({ path }) => path.subarray(source.length + "/odd".length).toString("latin1"));
    for (const name of oddNames)
      assert.ok(names.includes(name.toString("latin1")), `${JSON.stringify(name.toString())} is listed`);
    const [plain] = await scene.agent.files("docs", join(source, "plain.txt"));
    assert.equal(plain?.type, FileEntry_Type.FILE);
    assert.equal(plain?.size, 6);
    await assert.rejects(scene.agent.files("docs", "/nothing/here"), { code: "not_found" });
    await assert.rejects(scene.agent.files("docs", "../../etc"), { code: "usage" });
  });
});
