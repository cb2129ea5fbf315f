/** Network block devices as sysfs shows them; no process is started and no device is opened. */

import { readdir } from "node:fs/promises";
import { readAttribute } from "./block-devices.ts";

export interface NbdDevice {
  /** "/dev/nbd0" */
  readonly path: string;
  /** "major:minor" */
  readonly device: string;
  /** Of the program that gave the kernel its connection, whether that still runs or not. */
  readonly pid: number;
  readonly bytes: number;
  readonly readOnly: boolean;
}

const bytesPerSector = 512;

/** Those that are connected. Source: drivers/block/nbd.c, "pid"; Documentation/ABI/stable/sysfs-block, "size", "ro" */
export async function nbdDevices(): Promise<NbdDevice[]> {
  const names = (await readdir("/sys/block")).filter((name) => name.startsWith("nbd"));
  const found = await Promise.all(
    names.map(async (name) => {
      const at = (attribute: string) => readAttribute(`/sys/block/${name}/${attribute}`);
      const [pid, device, sectors, ro] = await Promise.all([at("pid"), at("dev"), at("size"), at("ro")]);
      if (pid === undefined) return [];
      const bytes = Number(sectors) * bytesPerSector;
      return [{ path: `/dev/${name}`, device: device ?? "", pid: Number(pid), bytes, readOnly: ro === "1" }];
    }),
  );
  return found.flat();
}
