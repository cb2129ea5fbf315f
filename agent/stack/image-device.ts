/**
 * The device layer: a linear device-mapper device of the pinned size, above the one that the transport has made of the image.
 *
 * The linear device is what lets the slow halves of an attach run side by side. LUKS's key derivation (seconds of CPU)
 * needs a device to be opened on, but not its bytes: it gets this one while it still lies on an empty file here, and
 * the image is put under it when the connection stands and the image has been looked at.
 *
 * An empty file, and not the zero target of device-mapper: the mapping asks the device that it is loaded on whether
 * flushes have to be passed on, and only then. Above one that says no, every sync of the file system is done at once,
 * while what it wrote is still on its way to the backup host.
 */

import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import { waitUntil } from "../../common/wait-until.ts";
import { type DmDevice, dmDevice, dmsAbove } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { bytesPerDmSector, createDm, listDms, loadDmTable, removeDm, switchDmTable } from "../tools/dmsetup.ts";
import { attachLoop, detachLoop } from "../tools/losetup.ts";
import type { DeviceSize } from "../transport/transport.ts";
import type { StackNames } from "./names.ts";

const goneDeadlineMs = 10_000;
/** What cryptsetup puts on the image while it re-encrypts, where it cannot do without; killed, it leaves them. */
const reencryptingPrefix = "temporary-cryptsetup-";

export interface Placeholder {
  readonly device: DmDevice;
  /** What it lies on until the image is there. */
  readonly loop: string;
}

/** @returns a device that reads as zeros. Cannot be cancelled: what it makes is told to the releases by its name. */
export async function createPlaceholder(
  host: Host,
  names: StackNames,
  { bytes, sectorBytes }: DeviceSize,
): Promise<Placeholder> {
  const { directory, placeholderFile } = names;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(placeholderFile, "", { mode: 0o600 });
  await truncate(placeholderFile, bytes);
  const loop = await attachLoop(host.exec, { file: placeholderFile, access: "read", sectorBytes });
  return { device: await createImageDevice(host, names, loop, bytes), loop };
}

/** The empty file and its loop device go as soon as the image, or nothing, is above them. */
export async function letPlaceholderGo({ exec }: Host, names: StackNames, { loop }: Placeholder): Promise<void> {
  await Promise.all([detachLoop(exec, loop), removePlaceholderFile(names)]);
}

export async function removePlaceholderFile(names: StackNames): Promise<void> {
  await rm(names.placeholderFile, { force: true });
}

/** Puts the image, as the block device that its transport has made of it, under the placeholder, which may be in use. */
export async function connectImage(
  host: Host,
  names: StackNames,
  below: string,
  bytes: number,
  signal: AbortSignal,
): Promise<void> {
  await loadDmTable(host.exec, names.imageDevice, linear(below, bytes), signal);
  await switchDmTable(host.exec, names.imageDevice, signal);
}

/** Without a placeholder: the image is there already. Cannot be cancelled: what it makes is told to the releases by its name. */
export async function createImageDevice(
  { exec }: Host,
  { imageDevice }: StackNames,
  below: string,
  bytes: number,
): Promise<DmDevice> {
  await createDm(exec, imageDevice, linear(below, bytes));
  const device = await dmDevice(imageDevice);
  if (device === undefined) throw new LuksmithError("tool_failed", `${imageDevice} did not appear`);
  return device;
}

function linear(below: string, bytes: number): string {
  return `0 ${bytes / bytesPerDmSector} linear ${below} 0`;
}

/**
 * Removes the mapping, the image device below it, and what lies beside them while the volume is re-encrypted.
 * @param isIncomplete one may be there that has no table, and does not show in sysfs
 * @param breakTransport makes whatever hangs on the transport, and keeps the devices in use, fail
 */
export async function releaseDms(
  host: Host,
  names: StackNames,
  { isIncomplete, breakTransport }: { isIncomplete: boolean; breakTransport: () => Promise<void> },
): Promise<void> {
  const image = await dmDevice(names.imageDevice);
  const above = image === undefined ? [] : await dmsAbove(image);
  const left = above.filter((name) => name.startsWith(reencryptingPrefix));
  const ours = [names.shrinking, names.mapping, ...left, names.header, names.imageDevice];
  const listed = isIncomplete ? await listDms(host.exec) : [];
  const shown = await present(ours);
  const there = ours.filter((name) => shown.includes(name) || listed.includes(name));
  if (there.length === 0) return;
  try {
    await removeDm(host.exec, there);
  } catch (error) {
    host.log.warn({ err: error, devices: there }, "devices are in use: putting errors under them");
    await breakTransport().catch((cause: unknown) => host.log.warn({ err: cause }, "could not break the transport"));
    for (const name of await present(there)) await removeDm(host.exec, [name], "force");
  }
  if (!(await waitUntil(host.clock, goneDeadlineMs, async () => (await present(there)).length === 0))) {
    const remaining = (await present(there)).join(", ");
    throw new LuksmithError("tool_failed", `${remaining} is still there`, { hint: "dmsetup info" });
  }
}

/** Those of the names that are device-mapper devices. */
async function present(names: readonly string[]): Promise<string[]> {
  const devices = await Promise.all(names.map(dmDevice));
  return names.filter((_, index) => devices[index] !== undefined);
}
