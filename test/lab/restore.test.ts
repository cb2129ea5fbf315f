/** Restores of single files, by any name. */

import assert from "node:assert/strict";
import { mkdir, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";
import { makeOddTree, oddNames } from "./harness/tree.ts";

const source = "/tmp/restore-source";
const target = "/tmp/restore-target";

async function makeSource(): Promise<void> {
  await makeOddTree(join(source, "odd"));
  await mkdir(join(source, "sub"));
  await symlink("../plain.txt", join(source, "sub", "link"));
}

describe("a restore", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("gives back single files, by odd names too", async () => {
    assertDone(await scene.agent.backup("docs"));
    const odd = oddNames.map((name) => Buffer.concat([Buffer.from(`${source}/odd/`), name]));
    const first = await scene.agent.restore("docs", target, { paths: odd });
    assertDone(first);
    assert.equal(first.run.totals?.filesCopied, oddNames.length);
    const missing = await scene.agent.restore("docs", target, { paths: [Buffer.from("/etc/nothing")] });
    assert.equal(missing.run.error?.code, "not_found");
  });

  it("leaves the directories above what it restores as they are", async () => {
    await rm(target, { recursive: true, force: true });
    await mkdir(join(target, source, "sub"), { recursive: true, mode: 0o711 });
    const before = await stat(join(target, source, "sub"));
    assertDone(await scene.agent.restore("docs", target, { paths: [Buffer.from(join(source, "sub", "link"))] }));
    const after = await stat(join(target, source, "sub"));
    assert.equal(after.mode, before.mode);
    assert.equal(after.uid, before.uid);
  });
});
