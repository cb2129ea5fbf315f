/** Time that has passed for the world: it counts while the machine is suspended, and nobody can set it. */

import { readFile } from "node:fs/promises";

/** Milliseconds since the machine was started, by CLOCK_BOOTTIME. Source: proc_uptime(5), clock_gettime(2) */
export async function uptimeMs(): Promise<number> {
  const [seconds] = (await readFile("/proc/uptime", "utf8")).split(" ");
  return Number(seconds) * 1000;
}
