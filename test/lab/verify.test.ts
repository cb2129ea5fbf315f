/** Verifying: a snapshot read back and compared with its source. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { mountSourceDisk } from "./harness/source-disk.ts";
import { makeManyFiles, makeRichTree } from "./harness/tree.ts";

const run = promisify(execFile);
const source = "/srv/source";
const rich = join(source, "rich");
const small = join(source, "small");

async function makeSources(): Promise<void> {
  await mountSourceDisk(source);
  await mkdir(rich);
  await makeRichTree(rich);
  await makeManyFiles(small, 250, 500);
}

describe("verifying", () => {
  const scene = Scene.set({
    prepare: makeSources,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  rich: { volume: home, sources: [${rich}, ${small}] }
`,
    volumes: ["home"],
  });
  after(() => run("umount", [source]));

  it("finds what was just backed up equal", async () => {
    assertDone(await scene.agent.backup("rich"));
    const fine = await scene.agent.verify("rich");
    assertDone(fine);
    assert.equal(fine.run.totals?.filesDiffering, 0);
    assert.ok((fine.run.totals?.filesEqual ?? 0) > 250);
  });

  it("tells what was changed since from what was altered although it says it was not", async () => {
    const victim = join(small, "d1/f101");
    await run("touch", ["-r", victim, "/tmp/reference"]);
    await writeFile(victim, Buffer.alloc(500, 7));
    await run("touch", ["-r", "/tmp/reference", victim]);
    await run("touch", [join(small, "d1/f103")]);
    await appendFile(join(small, "d1/f104"), "changed by its owner");
    await writeFile(join(small, "d1/new"), "new");
    const found = await scene.agent.verify("rich");
    assert.equal(found.run.error?.code, "tampered");
    assert.match(found.run.error?.message ?? "", /equal, 1 different, 1 changed and 1 new since/);
    assert.deepEqual(
      found.warnings.map((warning) => warning.split(":")[0]),
      [victim],
    );
  });
});
