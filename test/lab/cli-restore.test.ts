/** The command line as root types it on a bad day: a restore, and whether the backup is as it should be. */

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cli } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/srv/people";

async function makeSource(): Promise<void> {
  await mkdir(source, { recursive: true });
  await writeFile(join(source, "-dash"), "begins with a dash\n");
}

describe("people", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("restore, and verify", async () => {
    assertDone(await scene.agent.backup("docs"));
    const restored = await cli(["restore", "docs@latest", "--to", "/tmp/restored", "--", join(source, "-dash")]);
    assert.equal(restored.exitCode, 0, restored.stderr);
    assert.equal(await readFile(join("/tmp/restored", source, "-dash"), "utf8"), "begins with a dash\n");
    const again = await cli(["restore", "docs", "--to", "/tmp/restored", "--", join(source, "-dash")]);
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /error: .*there already.*\nhint: .*--overwrite/);
    const verified = await cli(["verify", "docs"]);
    assert.equal(verified.exitCode, 0, verified.stderr);
  });
});
