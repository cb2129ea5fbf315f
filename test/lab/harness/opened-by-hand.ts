/** A volume as an administrator opens it without luksmith, to do something in it that luksmith would not. */

import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const mapping = "by-hand";
const mountPoint = "/tmp/by-hand";

export const byHandDevice = `/dev/mapper/${mapping}`;

/** @param work gets where it is mounted @param options of mount */
export async function byHand(
  image: string,
  keyFile: string,
  work: (directory: string) => Promise<void>,
  options: readonly string[] = [],
): Promise<void> {
  await run("cryptsetup", ["open", "--key-file", keyFile, image, mapping]);
  try {
    // nobody else makes the name where there is no udev
    await run("dmsetup", ["mknodes", mapping]);
    await mkdir(mountPoint, { recursive: true });
    await run("mount", [...options, byHandDevice, mountPoint]);
    try {
      await work(mountPoint);
    } finally {
      await run("umount", [mountPoint]);
    }
  } finally {
    await run("cryptsetup", ["close", mapping]);
  }
}
