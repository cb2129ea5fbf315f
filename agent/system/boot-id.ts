/** Since when this machine has been running, as a name: another one after each start. Source: random(4), /proc/sys/kernel/random/boot_id */

import { readFile } from "node:fs/promises";

export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}
