/** Loop and device-mapper devices as sysfs shows them; no process is started and no device is opened. */

import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { hasErrno } from "../../common/errors.ts";

export interface LoopDevice {
  /** "/dev/loop0" */
  readonly path: string;
  /** "major:minor" */
  readonly device: string;
  /** As the kernel knows it; " (deleted)" is appended by it when the file was removed. */
  readonly backingFile: string;
  readonly directIo: boolean;
}

export interface DmDevice {
  readonly name: string;
  /** "/dev/dm-3": made by devtmpfs at once, unlike /dev/mapper/NAME, which is udev's work. */
  readonly path: string;
  /** "major:minor" */
  readonly device: string;
}

/** Loop devices that have a file. Source: Documentation/ABI/testing/sysfs-block-loop */
export async function loopDevices(): Promise<LoopDevice[]> {
  const found = await Promise.all(
    (await blockDevices("loop")).map(async (name) => {
      const backingFile = await readAttribute(`/sys/block/${name}/loop/backing_file`);
      if (backingFile === undefined) return [];
      const [dio, device] = await Promise.all([
        readAttribute(`/sys/block/${name}/loop/dio`),
        readAttribute(`/sys/block/${name}/dev`),
      ]);
      return [{ path: `/dev/${name}`, device: device ?? "", backingFile, directIo: dio === "1" }];
    }),
  );
  return found.flat();
}

/** Source: Documentation/ABI/testing/sysfs-block-dm */
export async function dmDevices(): Promise<DmDevice[]> {
  const found = await Promise.all(
    (await blockDevices("dm-")).map(async (kernelName) => {
      const [name, device] = await Promise.all([
        readAttribute(`/sys/block/${kernelName}/dm/name`),
        readAttribute(`/sys/block/${kernelName}/dev`),
      ]);
      return name === undefined ? [] : [{ name, path: `/dev/${kernelName}`, device: device ?? "" }];
    }),
  );
  return found.flat();
}

export async function dmDevice(name: string): Promise<DmDevice | undefined> {
  return (await dmDevices()).find((device) => device.name === name);
}

/** What a device-mapper device lies on, such as "/dev/loop0". Source: Documentation/ABI/stable/sysfs-block, "slaves" */
export async function devicesBelow(dm: DmDevice): Promise<string[]> {
  try {
    return (await readdir(`/sys/block/${basename(dm.path)}/slaves`)).map((name) => `/dev/${name}`);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

async function blockDevices(prefix: string): Promise<string[]> {
  return (await readdir("/sys/block")).filter((name) => name.startsWith(prefix));
}

/** Without its newline; undefined when the device is not set up, or went away while we looked. */
async function readAttribute(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).replace(/\n$/, "");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENXIO", "ENODEV")) return undefined;
    throw error;
  }
}
