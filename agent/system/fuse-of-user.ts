/** File systems of a user's own, where the kernel lets root end them. Source: Documentation/filesystems/fuse.rst, "Control filesystem" */

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../common/errors.ts";
import { namesIn } from "../../common/if-there.ts";

const connections = "/sys/fs/fuse/connections";

/** Whether a process is in the kernel's hands until such a file system answers. Source: proc(5), /proc/PID/stack */
export async function waitsForFuse(pid: number): Promise<boolean> {
  try {
    return /\bfuse_|\brequest_wait_answer\b/.test(await readFile(`/proc/${pid}/stack`, "latin1"));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
}

/**
 * Those that owe somebody an answer. Everything that waits for one of them gets an error at once. A process that waits for an answer can
 * otherwise not even be killed, for as long as whoever serves the file system likes.
 */
export async function abortFuseOf(uid: number): Promise<void> {
  for (const name of await namesIn(connections)) {
    const connection = join(connections, name);
    try {
      // who has mounted it
      if ((await stat(connection)).uid !== uid) continue;
      const waiting = await readFile(join(connection, "waiting"), "latin1");
      if (Number(waiting) > 0) await writeFile(join(connection, "abort"), "1");
    } catch (error) {
      if (!hasErrno(error, "ENOENT", "ENODEV")) throw error;
    }
  }
}
