/** What a process has read so far. Source: proc_pid_io(5) */

import { readFile } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";

/** Bytes that its read(2) and the like have returned, from pipes and devices too; 0 when it is gone. */
export async function bytesRead(pid: number): Promise<number> {
  try {
    const text = await readFile(`/proc/${pid}/io`, "utf8");
    return Number(/^rchar: (\d+)$/m.exec(text)?.[1] ?? 0);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return 0;
    throw error;
  }
}
