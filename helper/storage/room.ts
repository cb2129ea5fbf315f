/** Does the storage take what a machine writes? Its user may have used up a quota that does not bind root. */

import { hasErrno, LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { firstFileInChild, openUnnamed } from "./file.ts";
import type { Owner } from "./machine-directory.ts";

/** As much as one write of an image. */
const trialBytes = 128 * 1024;
const deadlineMs = 20_000;
const quotaIsUsedUp = "the machine's user has used up its quota";
const isFull = "the storage is full";

/** Writes as the machine's user, into a file that has no name. @returns why not, or undefined when it does */
export async function whyNoData(exec: Exec, directory: string, owner: Owner): Promise<string | undefined> {
  try {
    await using file = await openUnnamed(directory);
    await file.chown(owner.uid, owner.gid);
    // dd(1): what is only in memory yet may be refused by the disk
    const args = ["if=/dev/zero", `of=${firstFileInChild}`, `bs=${trialBytes}`, "count=1", "conv=fsync,notrunc"];
    const { exitCode, stderr } = await exec({ file: "dd", args, as: owner, fds: [file.fd], deadlineMs });
    if (exitCode === 0) return undefined;
    if (stderr.includes("Disk quota exceeded")) return quotaIsUsedUp;
    if (stderr.includes("No space left on device")) return isFull;
    return "what the machine's user writes fails";
  } catch (error) {
    // some quotas bind root as well
    if (hasErrno(error, "EDQUOT")) return quotaIsUsedUp;
    if (hasErrno(error, "ENOSPC")) return isFull;
    // no unnamed files to try it out on
    if (hasErrno(error, "EOPNOTSUPP", "ENOTSUP", "EISDIR")) return undefined;
    if (error instanceof LuksmithError) return error.message;
    if (error instanceof Error && "code" in error) return `it could not be tried out (${error.code})`;
    throw error;
  }
}
