/** Looking at the image as the backup host shows it, before anything is built on it. */

import { join } from "node:path";
import { LuksmithError } from "../../../common/errors.ts";
import type { Exec } from "../../../common/exec.ts";
import { otherType, type RemoteStat, statRemote } from "../../tools/remote-file.ts";
import { noImage, notTheImage, requireBytes } from "../image-errors.ts";

/**
 * Pure. Whether what the host shows can be the image: a regular file, on the very mount, as large as it was.
 * @throws {LuksmithError} "tampered" with what is wrong
 */
export function requireImage(
  stat: Pick<RemoteStat, "mode" | "bytes" | "device">,
  expected: { name: string; remote: string; device: string; bytes: number },
): void {
  const other = otherType(stat.mode);
  const { name, remote } = expected;
  if (other !== undefined) throw notTheImage(remote, name, `is ${other}, not a regular file`);
  if (stat.device !== expected.device) throw notTheImage(remote, name, "is not on the backup host's file system");
  requireBytes(remote, name, stat.bytes, expected.bytes);
}

/** A missing image, and whether its directory is missing too: the two need different next steps. */
export async function missingImage(exec: Exec, remoteDir: string, name: string, remote: string, signal: AbortSignal) {
  const directory = await statRemote(exec, join(remoteDir, "."), signal);
  return directory === undefined
    ? new LuksmithError("not_found", `the directory of ${remote} is not there on the backup host`, {
        hint: `make it there, or correct remotes.${remote}.path`,
      })
    : noImage(remote, name);
}
