/** Can the storage give back what is discarded? Tried out on a file that has no name, since no list of file systems is complete. */

import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import { firstFileInChild, openUnnamed } from "./file.ts";

const trialBytes = 256 * 1024;
const deadlineMs = 10_000;

/** @returns why not, or undefined when it can */
export async function whyNoHoles(exec: Exec, directory: string): Promise<string | undefined> {
  try {
    await using file = await openUnnamed(directory);
    await file.write(Buffer.alloc(trialBytes, 1), 0, trialBytes, 0);
    await file.sync();
    const before = (await file.stat()).blocks;
    const punched = await exec({
      file: "fallocate",
      args: ["--punch-hole", "--offset", "0", "--length", `${trialBytes}`, firstFileInChild],
      fds: [file.fd],
      deadlineMs,
    });
    if (punched.exitCode !== 0) return `its file system cannot punch holes: ${lastWords(punched)}`;
    await file.sync();
    return (await file.stat()).blocks < before ? undefined : "its file system punches holes and frees nothing";
  } catch (error) {
    if (hasErrno(error, "EOPNOTSUPP", "ENOTSUP", "EISDIR"))
      return "its file system has no unnamed files to try it out on";
    if (hasErrno(error, "ENOSPC", "EDQUOT")) return "it is full";
    if (error instanceof LuksmithError) return error.message;
    if (error instanceof Error && "code" in error) return `it could not be tried out (${error.code})`;
    throw error;
  }
}
