/** A volume that is larger than its configuration says. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const little = "/tmp/little-source";

async function makeSource(): Promise<void> {
  await mkdir(little);
  await writeFile(join(little, "file"), "little\n");
}

describe("a volume", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: `
volumes:
  roomy: { remote: vault, image: roomy.luks, size: 112M, ${cheapKdf} }
jobs:
  little: { volume: roomy, sources: [${little}] }
`,
    volumes: ["roomy"],
  });

  it("does not shrink", async () => {
    assert.equal(await scene.agent.stop(), 0);
    await scene.startAgent((config) => config.replace("size: 112M", "size: 64M"));
    const resized = await scene.agent.resize("roomy");
    assert.equal(resized.run.error?.code, "usage");
    assertDone(await scene.agent.backup("little"));
  });
});
