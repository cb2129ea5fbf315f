/** What an agent that was killed, or a machine that lost its power, left behind: found by name, and released. */

import { readdir } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";
import { dmDevices, loopDevices } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { Stack } from "./attach.ts";
import { stacksDirectory, volumeOfDm } from "./names.ts";
import { releaseViews } from "./view.ts";

/** Volumes of which anything is still there, asked of the system alone. */
export async function findLeftovers(runtimeDir: string): Promise<string[]> {
  const directory = `${stacksDirectory(runtimeDir)}/`;
  const below = (path: string) => (path.startsWith(directory) ? path.slice(directory.length).split("/")[0] : undefined);
  const [mounts, loops, dms, directories] = await Promise.all([
    readMounts(),
    loopDevices(),
    dmDevices(),
    listDirectories(directory),
  ]);
  const volumes = [
    ...mounts.map((mount) => below(mount.mountPoint)),
    ...loops.map((loop) => below(loop.backingFile)),
    ...dms.map((dm) => volumeOfDm(dm.name)),
    ...directories,
  ];
  return [...new Set(volumes.filter((volume) => volume !== undefined && volume !== ""))].toSorted() as string[];
}

/** Before any work is accepted. A leftover that does not go is logged and left to `doctor`: the other volumes can work. */
export async function releaseLeftovers(host: Host): Promise<void> {
  await releaseViews(host).catch((error: unknown) => host.log.error({ err: error }, "could not close every view"));
  for (const volume of await findLeftovers(host.runtimeDir)) {
    host.log.warn({ volume }, "releasing what an earlier agent left attached");
    try {
      await new Stack(host, volume).release();
    } catch (error) {
      host.log.error({ err: error, volume }, "could not release everything");
    }
  }
}

async function listDirectories(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}
