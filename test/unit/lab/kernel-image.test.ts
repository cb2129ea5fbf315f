import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { makeExec } from "../../../common/exec.ts";
import { kernelPayload, unpackKernel } from "../../lab/harness/kernel-image.ts";

const { exec } = makeExec();
const kernel = Buffer.from("\x7fELF and so on");

/** A bzImage as Documentation/arch/x86/boot.rst describes it, with nothing but what counts here. */
function bzImage(payload: Buffer, { version = 0x20f, magic = "HdrS", setupSectors = 3 } = {}): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(kernel.length);
  const header = Buffer.alloc((setupSectors + 1) * 512 + 100);
  header[0x1f1] = setupSectors;
  header.write(magic, 0x202, "latin1");
  header.writeUInt16LE(version, 0x206);
  header.writeUInt32LE(100, 0x248);
  header.writeUInt32LE(payload.length + size.length, 0x24c);
  return Buffer.concat([header, payload, size, Buffer.from("what comes after")]);
}

describe("the kernel in a bzImage", () => {
  it("is found and unpacked, however it was packed", async () => {
    assert.deepEqual(await unpackKernel(exec, bzImage(gzipSync(kernel))), kernel);
    assert.deepEqual(await unpackKernel(exec, bzImage(zstdCompressSync(kernel))), kernel);
  });

  it("is found behind setup code of any length", () => {
    const packed = gzipSync(kernel);
    assert.deepEqual(kernelPayload(bzImage(packed, { setupSectors: 39 })), { compression: "gzip", data: packed });
  });

  it("is left alone when it is packed in an unknown way", async () => {
    assert.equal(await unpackKernel(exec, bzImage(Buffer.from("LZO?..........."))), undefined);
  });

  it("is not looked for in what is no bzImage, or one that does not say where it is", () => {
    assert.equal(kernelPayload(kernel), undefined);
    assert.equal(kernelPayload(bzImage(gzipSync(kernel), { magic: "nope" })), undefined);
    assert.equal(kernelPayload(bzImage(gzipSync(kernel), { version: 0x207 })), undefined);
  });
});
