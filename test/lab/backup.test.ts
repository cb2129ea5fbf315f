/** A backup of everything that a file system can hold, from the dry run to the last byte that comes back. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { mountSourceDisk } from "./harness/source-disk.ts";
import { fingerprint, makeManyFiles, makeRichTree } from "./harness/tree.ts";

const run = promisify(execFile);
const source = "/srv/source";
const rich = join(source, "rich");
const small = join(source, "small");
/** On the same disk, for its user xattrs. */
const target = join(source, "target");

async function makeSources(): Promise<void> {
  await mountSourceDisk(source);
  await mkdir(rich);
  await makeRichTree(rich);
  await makeManyFiles(small, 250, 500);
  await mkdir(join(small, "cache"));
  await writeFile(join(small, "cache", "rubbish"), "rubbish");
  await writeFile(join(small, "x.tmp"), "rubbish");
}

describe("a backup", () => {
  const scene = Scene.set({
    prepare: makeSources,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  rich: { volume: home, sources: [${rich}, ${small}], exclude: ["*.tmp", "${small}/cache"] }
`,
    volumes: ["home"],
  });
  after(() => run("umount", [source]));

  it("is shown before it is made, and nothing is written", async () => {
    const dry = await scene.agent.backup("rich", { dryRun: true });
    assertDone(dry);
    const items = dry.events.flatMap(({ kind }) =>
      kind?.$case === "item" ? [kind.value.path.toString("latin1")] : [],
    );
    assert.ok(items.includes(`${rich.slice(1)}/plain.txt`), items.slice(0, 5).join());
    assert.equal((await scene.agent.snapshots("rich")).length, 0);
  });

  it("keeps everything about every file, and gives it back", async () => {
    const backup = await scene.agent.backup("rich");
    assertDone(backup);
    assert.ok(
      backup.events.some(({ kind }) => kind?.$case === "progress"),
      "progress was shown",
    );
    assertDone(await scene.agent.restore("rich", target));
    assert.equal(await fingerprint(join(target, rich)), await fingerprint(rich));
    await assert.rejects(stat(join(target, small, "cache")), /ENOENT/, "excluded by its path");
    await assert.rejects(stat(join(target, small, "x.tmp")), /ENOENT/, "excluded by its pattern");
    assert.equal((await stat(join(target, small, "d2"))).isDirectory(), true);
  });
});
