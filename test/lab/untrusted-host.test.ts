/** A backup host whose key nobody has compared yet. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/untrusted-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("a backup host", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
  });

  it("is not spoken to before its key is trusted", async () => {
    const refused = await scene.agent.create("home");
    assert.equal(refused.run.error?.code, "refused");
    assert.ok(refused.run.error?.message.includes(await scene.host.hostKeyFingerprint()), refused.run.error?.message);
    assert.match(refused.run.error?.message ?? "", /none is trusted yet/);
    await scene.agent.trust();
    assertDone(await scene.agent.create("home"));
    assertDone(await scene.agent.backup("docs"));
  });
});
