/** A FUSE connection as the kernel lets root steer it. Source: Documentation/filesystems/fuse.rst, "Control filesystem" */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../../common/errors.ts";

/**
 * Requests that may be under way without anybody waiting for each: direct I/O of a loop device is all of them. The
 * kernel's 12 would be 12 blocks for each round trip.
 */
const requestsUnderWay = 128;

/** As much as of the file system above: at 50 ms the kernel's 128 KiB would be 2.5 MB/s. */
const readAheadKiB = 4096;

/** @param device "0:MINOR" of the mount; the minor names the connection */
export async function widenFuse(device: string): Promise<void> {
  await writeFile(`/sys/class/bdi/${device}/read_ahead_kb`, `${readAheadKiB}`);
  await control(device, "max_background", `${requestsUnderWay}`);
  await control(device, "congestion_threshold", `${requestsUnderWay}`);
}

/**
 * Everything that waits on the connection gets an error at once, state D included.
 * @param device "0:MINOR" of the mount
 */
export async function abortFuse(device: string): Promise<void> {
  await control(device, "abort", "1");
}

/** Requests that are not answered yet. 0 when the connection is gone, or fusectl is not mounted. */
export async function waitingRequests(device: string): Promise<number> {
  try {
    return Number(await readFile(join("/sys/fs/fuse/connections", minorOf(device), "waiting"), "utf8"));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENODEV")) return 0;
    throw error;
  }
}

function minorOf(device: string): string {
  return device.split(":")[1] ?? "";
}

async function control(device: string, name: string, value: string): Promise<void> {
  try {
    await writeFile(join("/sys/fs/fuse/connections", minorOf(device), name), value);
  } catch (error) {
    // gone already; or fusectl is not mounted, and things go on slower, and killing sshfs has to do (doctor says so)
    if (!hasErrno(error, "ENOENT", "ENODEV")) throw error;
  }
}
