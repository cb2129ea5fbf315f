/** Breaking a FUSE connection whose other side does not answer. Source: Documentation/filesystems/fuse.rst, "Control filesystem" */

import { writeFile } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";

/**
 * Everything that waits on the connection gets an error at once, state D included.
 * @param device "0:MINOR" of the mount; the minor names the connection
 */
export async function abortFuse(device: string): Promise<void> {
  const minor = device.split(":")[1];
  try {
    await writeFile(`/sys/fs/fuse/connections/${minor}/abort`, "1");
  } catch (error) {
    // gone already; or fusectl is not mounted, and killing sshfs has to do (doctor says so)
    if (!hasErrno(error, "ENOENT", "ENODEV")) throw error;
  }
}
