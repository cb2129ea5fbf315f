/** A backup host that loses the image, or parts of it. */

import { execFile } from "node:child_process";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { assertSwapRefused, type ImageSwap } from "./harness/image-swap.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/image-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("an image", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  const assertRefused = (make: ImageSwap["make"], refusal: ImageSwap["refusal"]) =>
    assertSwapRefused(scene.agent, "docs", { image: join(scene.host.imagesPath, "home.luks"), make, refusal });

  it("is told to be missing, truncated or overwritten", async () => {
    await assertRefused(async () => undefined, { code: "not_found", message: /there is no image home\.luks/ });
    await assertRefused(
      async (path, aside) => {
        await run("cp", ["--sparse=always", aside, path]);
        await truncate(path, 40 * 2 ** 20);
      },
      { code: "tampered", message: /truncated: 40\.0 MiB are there of 64\.0 MiB/ },
    );
    await assertRefused(
      async (path, aside) => {
        await run("cp", ["--preserve=ownership,mode", "--sparse=always", aside, path]);
        await run("dd", ["if=/dev/urandom", `of=${path}`, "bs=1M", "count=64", "conv=notrunc"]);
      },
      { code: "tampered", message: /does not hold the file system of this volume/ },
    );
    await assertRefused((path, aside) => run("cp", ["--sparse=always", "--no-preserve=mode,ownership", aside, path]), {
      code: "tool_failed",
      message: /home\.luks cannot be written on the backup host/,
    });
    assertDone(await scene.agent.backup("docs"));
  });
});
