/** The backup host is known by its key alone. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/tmp/host-key-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("a backup host", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("is caught when it answers with another host key", async () => {
    const before = await scene.host.hostKeyFingerprint();
    await scene.host.replaceHostKey();
    const backup = await scene.agent.backup("docs");
    assert.equal(backup.run.error?.code, "refused");
    assert.ok(backup.run.error?.message.includes(before), "the trusted fingerprint is named");
    assert.ok(backup.run.error?.message.includes(await scene.host.hostKeyFingerprint()), "the offered one as well");
    await assert.rejects(scene.agent.trust(), { code: "refused" });
    await scene.agent.trust("vault", true);
    assertDone(await scene.agent.backup("docs"));
  });
});
