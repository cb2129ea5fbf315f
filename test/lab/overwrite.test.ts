/** Restores to where something is already. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";
import { makeOddTree, oddNames } from "./harness/tree.ts";

const source = "/tmp/overwrite-source";
const target = "/tmp/overwrite-target";

describe("a restore", () => {
  const scene = Scene.set({
    prepare: () => makeOddTree(join(source, "odd")),
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("never writes over what is there, unless told to", async () => {
    assertDone(await scene.agent.backup("docs"));
    const odd = oddNames.map((name) => Buffer.concat([Buffer.from(`${source}/odd/`), name]));
    assertDone(await scene.agent.restore("docs", target, { paths: odd }));
    const existing = join(target, source, "odd", "-rf");
    await writeFile(existing, "mine");
    const refused = await scene.agent.restore("docs", target, { paths: odd });
    assert.equal(refused.run.error?.code, "exists");
    assert.equal(await readFile(existing, "utf8"), "mine");
    const dry = await scene.agent.restore("docs", target, { paths: odd, overwrite: true, dryRun: true });
    assert.equal(dry.run.totals?.filesCopied, 1);
    assert.equal(await readFile(existing, "utf8"), "mine");
    assertDone(await scene.agent.restore("docs", target, { paths: odd, overwrite: true }));
    assert.equal(await readFile(existing, "utf8"), "-rf");
  });
});
