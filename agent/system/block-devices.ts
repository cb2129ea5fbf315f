/** Loop and device-mapper devices as sysfs shows them; no process is started and no device is opened. */

import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { namesIn } from "../../common/if-there.ts";

export interface LoopDevice {
  /** "/dev/loop0" */
  readonly path: string;
  /** "major:minor" */
  readonly device: string;
  /** As the kernel knows it; " (deleted)" is appended by it when the file was removed. */
  readonly backingFile: string;
  readonly directIo: boolean;
  readonly readOnly: boolean;
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
      const [dio, ro, device] = await Promise.all([
        readAttribute(`/sys/block/${name}/loop/dio`),
        readAttribute(`/sys/block/${name}/ro`),
        readAttribute(`/sys/block/${name}/dev`),
      ]);
      const flags = { directIo: dio === "1", readOnly: ro === "1" };
      return [{ path: `/dev/${name}`, device: device ?? "", backingFile, ...flags }];
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
  return slavesOf(basename(dm.path));
}

/** Names of the device-mapper devices that lie on one. Source: Documentation/ABI/stable/sysfs-block, "holders" */
export async function dmsAbove({ path }: DmDevice): Promise<string[]> {
  const holders = await namesIn(`/sys/block/${basename(path)}/holders`);
  const names = await Promise.all(holders.map((holder) => readAttribute(`/sys/block/${holder}/dm/name`)));
  return names.filter((name) => name !== undefined);
}

/**
 * Whether a sync of what is on the device is one of what the device lies on. A device-mapper device learns that from
 * those below it when its table is loaded, and never again. Source: Documentation/ABI/stable/sysfs-block,
 * "queue/write_cache"; Documentation/block/writeback_cache_control.rst
 * @param path "/dev/dm-3"
 */
export async function passesFlushesOn(path: string): Promise<boolean> {
  return (await readAttribute(`/sys/block/${basename(path)}/queue/write_cache`)) === "write back";
}

/**
 * Whether a device lies, at last, on a loop device without direct I/O: that has one read under way at a time (drivers/block/loop.c,
 * Linux 6.1), so that many cannot be quicker; and what follows in its file is read ahead.
 * @param path "/dev/dm-3"
 */
export async function answersInTurn(path: string): Promise<boolean> {
  const name = basename(path);
  const dio = await readAttribute(`/sys/block/${name}/loop/dio`);
  if (dio !== undefined) return dio !== "1";
  const below = await Promise.all((await slavesOf(name)).map(answersInTurn));
  return below.includes(true);
}

async function slavesOf(name: string): Promise<string[]> {
  try {
    return (await readdir(`/sys/block/${name}/slaves`)).map((slave) => `/dev/${slave}`);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** @param path "/dev/dm-3" @throws {LuksmithError} "tool_failed". Source: Documentation/ABI/stable/sysfs-block, "size", in 512 bytes */
export async function bytesOf(path: string): Promise<number> {
  const sectors = Number(await readAttribute(`/sys/block/${basename(path)}/size`));
  if (sectors > 0) return sectors * 512;
  throw new LuksmithError("tool_failed", `${path} has no size`);
}

async function blockDevices(prefix: string): Promise<string[]> {
  return (await readdir("/sys/block")).filter((name) => name.startsWith(prefix));
}

/**
 * Without its newline; undefined when the device is not set up, or went away while we looked. EINVAL is what device-mapper says
 * of a device that is being removed (dm_attr_show(), Linux 6.1).
 */
export async function readAttribute(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).replace(/\n$/, "");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENXIO", "ENODEV", "EINVAL")) return undefined;
    throw error;
  }
}
