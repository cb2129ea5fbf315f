/** A backup host that loses the header it stores. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { stateDir } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/header-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("a stored header that is gone", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });
  const image = () => join(scene.host.imagesPath, "home.luks");

  it("is not needed: the pinned one opens the volume, and puts it back", async () => {
    assertDone(await scene.agent.backup("docs"));
    await run("dd", ["if=/dev/zero", `of=${image()}`, "bs=1M", "count=4", "conv=notrunc"]);
    const header = join(stateDir, "volumes/home/header.luks");
    try {
      assertDone(await scene.agent.backup("docs"));
      const checked = await scene.agent.check("home");
      assert.equal(checked.run.error?.code, "tampered");
      assert.match(checked.run.error?.message ?? "", /does not begin with a LUKS header/);
    } finally {
      await run("cryptsetup", ["luksHeaderRestore", "--batch-mode", image(), "--header-backup-file", header]);
    }
    const checked = await scene.agent.check("home");
    assertDone(checked);
    assert.match(checked.run.summary, /in order: generation 3, 2 snapshots/);
  });
});
