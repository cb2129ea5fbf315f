/** What the system holds of ours, and what is in our places and not ours. Asked of the system alone. */

import { LuksmithError } from "../../common/errors.ts";
import { namesIn } from "../../common/if-there.ts";
import { dmDevices, loopDevices } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { blockDeviceOf, readMounts } from "../system/mountinfo.ts";
import { listDms } from "../tools/dmsetup.ts";
import { stackNames, stacksDirectory, volumeOfDm } from "./names.ts";

/** As {@link heldVolumes}, and those of which only a device without a table is there. */
export async function allHeldVolumes({ exec, runtimeDir }: Pick<Host, "exec" | "runtimeDir">): Promise<string[]> {
  const [held, dms] = await Promise.all([heldVolumes(runtimeDir), listDms(exec)]);
  return [...new Set([...held, ...dms.flatMap((name) => volumeOfDm(name) ?? [])])].toSorted();
}

/** Volumes of which anything shows. */
export async function heldVolumes(runtimeDir: string): Promise<string[]> {
  const directory = `${stacksDirectory(runtimeDir)}/`;
  const below = (path: string) => (path.startsWith(directory) ? path.slice(directory.length).split("/")[0] : undefined);
  const [mounts, loops, dms, directories] = await Promise.all([
    readMounts(),
    loopDevices(),
    dmDevices(),
    namesIn(directory),
  ]);
  const volumes = [
    ...mounts.map((mount) => below(mount.mountPoint)),
    ...loops.map((loop) => below(loop.backingFile)),
    ...dms.map((dm) => volumeOfDm(dm.name)),
    ...directories,
  ];
  return [...new Set(volumes.filter((volume) => volume !== undefined && volume !== ""))].toSorted() as string[];
}

/**
 * Mounts in the places of a volume that luksmith has not made: by hand, or by another program.
 * @returns a sentence each
 */
export async function foreignMounts(runtimeDir: string): Promise<string[]> {
  const directory = `${stacksDirectory(runtimeDir)}/`;
  const [mounts, dms] = await Promise.all([readMounts(), dmDevices()]);
  const sentences = mounts.map(async (mount) => {
    const { mountPoint, source, type } = mount;
    const volume = mountPoint.startsWith(directory) ? mountPoint.slice(directory.length).split("/")[0] : undefined;
    if (volume === undefined || volume === "") return [];
    const names = stackNames(runtimeDir, volume);
    const isRemote = mountPoint === names.remoteDir && source === names.fsname;
    const mapping = mountPoint === names.filesDir ? dms.find(({ name }) => name === names.mapping) : undefined;
    const isFiles = mapping !== undefined && (await blockDeviceOf(mount)) === mapping.device;
    return isRemote || isFiles ? [] : [`${mountPoint} (${type}, from ${source})`];
  });
  return (await Promise.all(sentences)).flat();
}

/** What keeps a volume from being released. */
export function foreignMount(directory: string): LuksmithError {
  return new LuksmithError("tool_failed", `what is mounted at ${directory} is not of luksmith's making`, {
    hint: `umount ${directory}`,
  });
}
