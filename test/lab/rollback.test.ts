/** A backup host that puts an older copy of the image back. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/rollback-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("an image that is rolled back", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("is refused, until the owner accepts it", async () => {
    const image = join(scene.host.imagesPath, "home.luks");
    assertDone(await scene.agent.backup("docs"));
    await run("cp", ["--sparse=always", image, "/tmp/before.luks"]);
    assertDone(await scene.agent.backup("docs"));
    await run("cp", ["--sparse=always", "/tmp/before.luks", image]);
    const backup = await scene.agent.backup("docs");
    assert.equal(backup.run.error?.code, "tampered");
    assert.match(backup.run.error?.message ?? "", /rolled back: it shows generation \d+, this machine has seen \d+/);
    await assert.rejects(scene.agent.snapshots("docs"), { code: "tampered" });
    assert.equal((await scene.agent.snapshots("docs", true)).length, 1, "looking with the owner's consent");
    assertDone(await scene.agent.backup("docs", { acceptRollback: true }));
    assertDone(await scene.agent.backup("docs"));
  });
});
