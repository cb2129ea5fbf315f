/**
 * The kernel out of its bzImage. A bzImage unpacks itself, which under emulation takes longer than all the rest of the
 * boot (4.5 of 7 s measured); qemu's microvm also takes the plain ELF file.
 */

import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import { type Exec, mustRun } from "../../../common/exec.ts";

export type Compression = "xz" | "gzip" | "zstd";

const magics: Record<Compression, string> = { xz: "fd377a585a00", gzip: "1f8b", zstd: "28b52ffd" };

/**
 * The compressed kernel inside a bzImage; undefined when it is none or packed in a way we cannot unpack.
 * Source: Documentation/arch/x86/boot.rst: setup_sects 0x1f1, "HdrS" 0x202, version 0x206, payload_offset 0x248 and
 * payload_length 0x24c (since 2.08), counted from the end of the setup sectors. The payload ends with the unpacked
 * size (4 bytes, arch/x86/boot/compressed).
 */
export function kernelPayload(image: Buffer): { compression: Compression; data: Buffer } | undefined {
  if (image.length < 0x250 || image.toString("latin1", 0x202, 0x206) !== "HdrS") return undefined;
  if (image.readUInt16LE(0x206) < 0x208) return undefined;
  const start = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248);
  const data = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  for (const [compression, magic] of Object.entries(magics) as [Compression, string][]) {
    if (data.subarray(0, magic.length / 2).toString("hex") === magic) return { compression, data };
  }
  return undefined;
}

/** Enough for a kernel with everything in it (66 MB on Debian 12). */
const kernelLimitBytes = 512 * 2 ** 20;

/** The ELF file in `image`, or undefined where the bzImage itself has to do. @throws {LuksmithError} "tool_failed" */
export async function unpackKernel(exec: Exec, image: Buffer): Promise<Buffer | undefined> {
  const payload = kernelPayload(image);
  if (payload === undefined) return undefined;
  const { compression, data } = payload;
  if (compression === "gzip") return promisify(gunzip)(data, { maxOutputLength: kernelLimitBytes });
  if (compression === "zstd") return promisify(zstdDecompress)(data, { maxOutputLength: kernelLimitBytes });
  const pieces: Buffer[] = [];
  await mustRun(exec, {
    file: "xz",
    args: ["--decompress", "--stdout", "--single-stream"],
    stdin: data,
    onStdout: (piece) => void pieces.push(piece),
    deadlineMs: 60_000,
  });
  return Buffer.concat(pieces);
}
