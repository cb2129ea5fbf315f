/** A source on a file system of its own: tmpfs, and with it the lab's root, knows no user xattrs on this kernel. */

import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const disk = "/run/source-disk.ext4";

/** Mounts a small and empty one on `directory`; who calls this unmounts it in the end. */
export async function mountSourceDisk(directory: string): Promise<void> {
  await run("truncate", ["--size=64M", disk]);
  await run("mkfs.ext4", ["-q", disk]);
  await mkdir(directory, { recursive: true });
  await run("mount", ["-o", "loop", disk, directory]);
}
