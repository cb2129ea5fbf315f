/** What waits in the kernel, and where: said when something has hung, which is gone once the virtual machine is. */

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);
const timeout = 60_000;

/** Source: admin-guide/sysrq.rst, "w" and "l". */
export async function blockedTasks(): Promise<string> {
  const exec = (file: string, ...args: string[]) => execute(file, args, { timeout });
  await exec("dmesg", "--clear");
  for (const key of ["w", "l"]) await writeFile("/proc/sysrq-trigger", key);
  const [kernel, memory] = await Promise.all([exec("dmesg", "--notime"), exec("free", "--mebi")]);
  return `${memory.stdout}${kernel.stdout}`;
}
