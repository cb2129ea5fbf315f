/** Does the storage take what a machine writes? Its user may have used up a quota that does not bind root. */

import { hasErrno } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { firstFileInChild, openUnnamed } from "./file.ts";
import type { Owner } from "./machine-directory.ts";

/** As much as one write of an image. */
const trialBytes = 128 * 1024;
const deadlineMs = 20_000;

/** Writes as the machine's user, into a file that has no name. @returns why not, or undefined when it does */
export async function whyNoData(exec: Exec, directory: string, { uid, gid }: Owner): Promise<string | undefined> {
  try {
    await using file = await openUnnamed(directory);
    await file.chown(uid, gid);
    // dd(1): what is only in memory yet may be refused by the disk
    const args = ["if=/dev/zero", `of=${firstFileInChild}`, `bs=${trialBytes}`, "count=1", "conv=fsync,notrunc"];
    const { exitCode, stderr } = await exec({
      file: "setpriv",
      args: [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--", "dd", ...args],
      fds: [file.fd],
      deadlineMs,
    });
    if (exitCode === 0) return undefined;
    if (stderr.includes("Disk quota exceeded")) return "the machine's user has used up its quota";
    if (stderr.includes("No space left on device")) return "the storage is full";
    return "what the machine's user writes fails";
  } catch (error) {
    if (hasErrno(error, "ENOSPC", "EDQUOT")) return "the storage is full";
    // no unnamed files to try it out on
    if (hasErrno(error, "EOPNOTSUPP", "ENOTSUP", "EISDIR")) return undefined;
    throw error;
  }
}
