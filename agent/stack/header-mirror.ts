/**
 * A header that is written in two places at once, the pinned one and the stored one, while a program changes it that must not be
 * interrupted between the two: device-mapper's mirror. It reads the pinned one. What cannot be written to both is
 * not done in either's stead: it waits, and with it whoever writes, until the device is released.
 * Source: drivers/md/dm-raid1.c (Linux 6.1), "handle_errors"
 */

import { LuksmithError } from "../../common/errors.ts";
import { dmDevice } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { bytesPerDmSector, createDm } from "../tools/dmsetup.ts";
import { attachLoop, detachLoop } from "../tools/losetup.ts";
import { releaseLoops } from "./loops.ts";
import type { StackNames } from "./names.ts";

/** Of what is remembered as being the same in both places, which is all of it. */
const regionBytes = 512 * 2 ** 10;

/**
 * @param spec.bytes of the header; both places hold the same
 * @param spec.transportDevice the image, as the transport has it: the device above it is the program's alone
 * @returns the path of the device
 */
export async function mirrorHeader(
  host: Host,
  names: StackNames,
  spec: { headerFile: string; bytes: number; transportDevice: string },
  signal: AbortSignal,
): Promise<string> {
  const { exec } = host;
  const { headerFile, bytes, transportDevice } = spec;
  await releaseLoops(host, names.volume, (loop) => loop.backingFile === headerFile);
  const loop = await attachLoop(exec, { file: headerFile, access: "read", sectorBytes: bytesPerDmSector }, signal);
  try {
    const places = `2 ${loop} 0 ${transportDevice} 0`;
    const log = `core 2 ${regionBytes / bytesPerDmSector} nosync`;
    await createDm(exec, names.header, `0 ${bytes / bytesPerDmSector} mirror ${log} ${places} 1 handle_errors`);
  } finally {
    // it goes with the device above it
    await detachLoop(exec, loop);
  }
  const device = await dmDevice(names.header);
  if (device === undefined) throw new LuksmithError("tool_failed", `${names.header} did not appear`);
  return device.path;
}
