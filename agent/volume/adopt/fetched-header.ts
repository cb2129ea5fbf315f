/** The header of an image that is to be adopted, as it was found there: a copy on this machine's disk, which alone counts from then on. */

import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../../common/durable-file.ts";
import { LuksmithError } from "../../../common/errors.ts";
import type { RunContext } from "../../runs/context.ts";
import { withRelease } from "../../stack/attach.ts";
import { Stack, type Target } from "../../stack/stack.ts";
import type { Host } from "../../system/host.ts";
import { copyForeignHeader, type ForeignHeader, readForeignHeader } from "../../tools/foreign-header.ts";
import { noImage } from "../../transport/image-errors.ts";
import { requireImageSize } from "./plan.ts";

export interface FetchedHeader {
  readonly file: string;
  readonly header: ForeignHeader;
  /** SHA-256, in hexadecimal digits, of all its bytes. */
  readonly digest: string;
  readonly imageBytes: number;
}

/**
 * Reads the image and nothing else.
 * @param file takes the place of what is there
 * @throws {LuksmithError} "not_found"; "usage" for what cannot become a volume; "locked" while somebody has the image
 */
export async function fetchHeader(
  host: Host,
  target: Pick<Target, "volume" | "remote">,
  file: string,
  run: RunContext,
): Promise<FetchedHeader> {
  const { volume, remote } = target;
  const stack = new Stack(host, volume.name);
  return await withRelease(stack, run, async () => {
    const { imageDevice, bytes, image, signal } = await stack.openImage(target, run);
    if (!image.isThere) throw noImage(remote.name, volume.image);
    return await run.step("read the header", async () => {
      const seen = await readForeignHeader(host.exec, imageDevice, signal);
      requireImageSize(bytes, seen);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await rm(file, { force: true });
      await writeFile(file, "", { mode: 0o600, flag: "wx" });
      await copyForeignHeader(host.exec, { from: imageDevice, to: file, headerBytes: seen.headerBytes }, signal);
      // what was read a moment ago may have been another one
      const header = await readForeignHeader(host.exec, file, signal);
      if (header.headerBytes !== seen.headerBytes) {
        throw new LuksmithError("tampered", "the header was changed on the backup host while it was read");
      }
      requireImageSize(bytes, header);
      const digest = createHash("sha256")
        .update(await readFile(file))
        .digest("hex");
      return { file, header, digest, imageBytes: bytes };
    });
  });
}

/** cryptsetup wants to see room for data behind a header that it works on; afterwards it is cut off again. */
export async function withDataRoom({ file, header }: FetchedHeader, work: () => Promise<void>): Promise<void> {
  await truncate(file, header.dataOffsetBytes + header.sectorBytes);
  await work();
  await truncate(file, header.headerBytes);
}

export async function makeDurable(file: string): Promise<void> {
  await chmod(file, 0o400);
  await syncDirectory(dirname(file));
}
