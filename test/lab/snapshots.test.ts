/** Snapshots, one after the other: what is unchanged is in them once. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdir, rm, stat } from "node:fs/promises";
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
const target = "/tmp/snapshots-target";

async function makeSources(): Promise<void> {
  await mountSourceDisk(source);
  await mkdir(rich);
  await makeRichTree(rich);
  await makeManyFiles(small, 250, 500);
}

describe("a snapshot", () => {
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

  it("shares unchanged files with the one before, and has the changed ones", async () => {
    assertDone(await scene.agent.backup("rich"));
    await appendFile(join(small, "d0/f7"), "more");
    await rm(join(small, "d0/f8"));
    const backup = await scene.agent.backup("rich");
    assertDone(backup);
    assert.equal(backup.run.totals?.filesCopied, 1);
    const snapshots = await scene.agent.snapshots("rich");
    assert.deepEqual(
      snapshots.map(({ latest, partial, incomplete }) => ({ latest, partial, incomplete })),
      [
        { latest: false, partial: false, incomplete: false },
        { latest: true, partial: false, incomplete: false },
      ],
    );
    const [first] = snapshots;
    assertDone(
      await scene.agent.restore("rich", target, {
        snapshot: first?.name ?? "",
        paths: [Buffer.from(join(small, "d0"))],
      }),
    );
    assert.equal((await stat(join(target, small, "d0/f8"))).size, 500, "the deleted file is in the first snapshot");
    assert.equal((await stat(join(target, small, "d0/f7"))).size, 500);
  });
});
