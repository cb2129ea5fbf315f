/** What the host has to give to a machine. */

import { readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { hasErrno } from "../../../common/errors.ts";
import { tscKhz } from "./tsc-frequency.ts";

/** In MiB. What a guest does not use is not taken from the host, but two of them at once have to fit. */
export function memoryForGuest(): number {
  return Math.max(1536, Math.min(4096, Math.floor((totalmem() / 2 ** 20) * 0.4)));
}

/** See tsc-frequency.ts. */
export async function hostTscKhz(): Promise<number | undefined> {
  const scaling = "/sys/devices/system/cpu/cpu0/cpufreq";
  return tscKhz({
    cpuinfo: await readFile("/proc/cpuinfo", "utf8"),
    baseFrequency: (await readIfThere(`${scaling}/base_frequency`))?.trim(),
    scales: (await readIfThere(`${scaling}/scaling_driver`)) !== undefined,
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
