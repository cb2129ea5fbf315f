/** A file system that e2fsck does not repair by itself. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { assertDone, homeAndDocs, Scene } from "../harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/repair-source";
const mapping = "damage";

describe("a volume whose file system is damaged", () => {
  const scene = Scene.set({
    prepare: async () => {
      await mkdir(source);
      // of different sizes: written in the same tick of the kernel's clock they have the same time
      for (const [name, times] of [
        ["one", 2000],
        ["two", 2500],
      ] as const) {
        await writeFile(join(source, name), name.repeat(times));
      }
    },
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("is not touched: the run says what to type, and that mends it", async () => {
    assertDone(await scene.agent.backup("docs"));
    const [snapshot] = await scene.agent.snapshots("docs");
    await damage(join(scene.host.imagesPath, "home.luks"), `/docs/${snapshot?.name}${source}`);

    const refused = (await scene.agent.backup("docs")).run;
    assert.equal(refused.state, RunState.FAILED);
    assert.match(refused.error?.message ?? "", /e2fsck found errors it left as they are/);
    assert.match(refused.error?.hint ?? "", /luksmith volume check home --repair/);

    const repaired = await scene.agent.check("home", { repair: true });
    assertDone(repaired);
    assertDone(await scene.agent.backup("docs"));
    assertDone(await scene.agent.verify("docs"));
  });
});

/** Lets two files claim the same blocks, which no careful program decides by itself. */
async function damage(image: string, directory: string): Promise<void> {
  await run("cryptsetup", ["open", "--key-file", "/etc/luksmith/keys/home.key", image, mapping]);
  await run("dmsetup", ["mknodes", mapping]);
  const device = `/dev/mapper/${mapping}`;
  await run("debugfs", ["-w", "-R", `copy_inode ${directory}/one ${directory}/two`, device]);
  await run("debugfs", ["-w", "-R", "set_super_value state 2", device]);
  await run("cryptsetup", ["close", mapping]);
}
