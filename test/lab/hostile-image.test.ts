/** A backup host that puts what is no regular file where the image was. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { assertSwapRefused, type ImageSwap } from "./harness/image-swap.ts";
import { homeAndDocs, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/image-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("the image that a hostile backup host shows", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  const assertRefused = (make: ImageSwap["make"], refusal: ImageSwap["refusal"]) =>
    assertSwapRefused(scene.agent, "docs", { image: join(scene.host.imagesPath, "home.luks"), make, refusal });

  it("cannot lead root elsewhere by a symbolic link", async () => {
    const bait = "/tmp/bait";
    const zeros = Buffer.alloc(64 * 2 ** 20);
    await writeFile(bait, "");
    await truncate(bait, zeros.length);
    await assertRefused((path) => symlink(bait, path), {
      code: "tampered",
      message: /is a symbolic link, not a regular file/,
    });
    assert.ok((await readFile(bait)).equals(zeros), "nothing was written to where the link leads");
    await rm(bait);
  });

  it("cannot be a device, a FIFO or a directory", async () => {
    await assertRefused((path) => run("mknod", [path, "b", "7", "0"]), {
      code: "tampered",
      message: /is a block device/,
    });
    await assertRefused((path) => run("mkfifo", [path]), { code: "tampered", message: /is a FIFO/ });
    await assertRefused((path) => mkdir(path), { code: "tampered", message: /is a directory/ });
  });
});
