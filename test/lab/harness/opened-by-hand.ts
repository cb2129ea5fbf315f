/** A volume as an administrator opens it without luksmith, to do something in it that luksmith would not. */

import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const mapping = "by-hand";
const mountPoint = "/tmp/by-hand";

/** @param work gets where it is mounted */
export async function byHand(
  image: string,
  keyFile: string,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  await run("cryptsetup", ["open", "--key-file", keyFile, image, mapping]);
  try {
    // nobody else makes the name where there is no udev
    await run("dmsetup", ["mknodes", mapping]);
    await mkdir(mountPoint, { recursive: true });
    await run("mount", [`/dev/mapper/${mapping}`, mountPoint]);
    try {
      await work(mountPoint);
    } finally {
      await run("umount", [mountPoint]);
    }
  } finally {
    await run("cryptsetup", ["close", mapping]);
  }
}
