/** A source that fails while it is read. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const broken = "/srv/broken-disk";
const brokenImage = "/run/broken-disk.ext4";

describe("a backup of a broken source", () => {
  const scene = Scene.set({
    prepare: makeBrokenDisk,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  broken: { volume: home, sources: [${broken}] }
`,
    volumes: ["home"],
  });
  after(async () => {
    await run("umount", [broken]);
    await run("dmsetup", ["remove", "broken"]);
    await run("losetup", ["--detach-all"]);
  });

  it("is incomplete when a file cannot be read, and names it", async () => {
    const backup = await scene.agent.backup("broken");
    assert.equal(backup.run.state, RunState.INCOMPLETE, backup.run.error?.message);
    assert.match(backup.warnings.join("\n"), /broken-disk\/bad: could not be copied: input\/output error/);
    assert.equal(
      backup.warnings.some((warning) => warning.includes("/good:")),
      false,
    );
    const entries = await scene.agent.files("broken", broken);
    assert.ok(entries.some(({ path }) => path.toString().endsWith("/good")));
  });
});

/** A disk on which one file lies on sectors that cannot be read. */
async function makeBrokenDisk(): Promise<void> {
  await run("truncate", ["--size=32M", brokenImage]);
  await run("mkfs.ext4", ["-q", "-b", "4096", brokenImage]);
  await mkdir(broken, { recursive: true });
  await run("mount", ["-o", "loop", brokenImage, broken]);
  await writeFile(join(broken, "good"), randomBytes(100_000));
  await writeFile(join(broken, "bad"), randomBytes(100_000));
  await run("sync", ["-f", broken]);
  const { stdout: extents } = await run("filefrag", ["-b4096", "-e", join(broken, "bad")]);
  const block = Number(/^\s*0:\s+\d+\.\.\s*\d+:\s+(\d+)\.\./m.exec(extents)?.[1]);
  await run("umount", [broken]);
  const loop = (await run("losetup", ["--find", "--show", brokenImage])).stdout.trim();
  const bad = block * 8;
  const sectors = 32 * 2048;
  const table = [
    `0 ${bad} linear ${loop} 0`,
    `${bad} 8 error`,
    `${bad + 8} ${sectors - bad - 8} linear ${loop} ${bad + 8}`,
  ].join("\n");
  const child = run("dmsetup", ["create", "broken"]);
  child.child.stdin?.end(`${table}\n`);
  await child;
  // without udev nobody makes the name
  await run("dmsetup", ["mknodes", "broken"]);
  await run("mount", ["/dev/mapper/broken", broken]);
  await rm(join(broken, "lost+found"), { recursive: true });
}
