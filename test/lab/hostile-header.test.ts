/** A backup host that alters the header it stores. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/header-source";
/** Stands in a file that is backed up: must never be found in the image. */
const plainText = "THE-SECRET-THAT-MUST-NOT-LEAVE-THIS-MACHINE";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("a stored header that is rewritten", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });
  const image = () => join(scene.host.imagesPath, "home.luks");

  it("cannot make the machine write plain text", async () => {
    assertDone(await scene.agent.backup("docs"));
    await rewriteHeader(image(), "cipher_null-ecb");
    const { stdout: dump } = await run("cryptsetup", ["luksDump", image()]);
    assert.match(dump, /cipher: cipher_null-ecb/, "the stored header now says that nothing is encrypted");
    await writeFile(join(source, "secret"), plainText.repeat(1000));
    assertDone(await scene.agent.backup("docs"));
    const { stdout: found } = await run("grep", ["--count", "--text", plainText, image()]).catch((error) => error);
    assert.equal(found.trim(), "0");
    const checked = await scene.agent.check("home");
    assert.equal(checked.run.error?.code, "tampered");
    assert.match(checked.run.error?.message ?? "", /stored LUKS header has been altered/);
    await rewriteHeader(image(), "aes-xts-plain64");
  });
});

/**
 * What a hostile host does to the header it stores: another cipher in the JSON area of both copies, and checksums that
 * fit. Source: the LUKS2 on-disk format specification: binary header of 4096 bytes, checksum (64 bytes at 448) over
 * header and JSON with the checksum field zeroed; second copy at the size of the first.
 */
async function rewriteHeader(image: string, cipher: string): Promise<void> {
  const copyBytes = 16 * 1024;
  const file = await open(image, "r+");
  try {
    for (const offset of [0, copyBytes]) {
      const area = Buffer.alloc(copyBytes);
      await file.read(area, 0, copyBytes, offset);
      const json = area.subarray(4096);
      const metadata = JSON.parse(json.subarray(0, json.indexOf(0)).toString());
      for (const segment of Object.values<{ encryption: string }>(metadata.segments)) segment.encryption = cipher;
      json.fill(0);
      json.write(JSON.stringify(metadata));
      area.fill(0, 448, 512);
      createHash("sha256").update(area).digest().copy(area, 448);
      await file.write(area, 0, copyBytes, offset);
    }
  } finally {
    await file.close();
  }
}
