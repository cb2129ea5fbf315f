/** File systems of a user's own, where the kernel lets root end them. Source: Documentation/filesystems/fuse.rst, "Control filesystem" */

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../common/errors.ts";
import { namesIn } from "../../common/if-there.ts";

const connections = "/sys/fs/fuse/connections";

/**
 * Those that owe somebody an answer. Everything that waits for one of them gets an error at once. A process that waits for an answer can otherwise not even be killed, for as
 * long as whoever serves the file system likes.
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
