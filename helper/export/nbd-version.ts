/** Which nbd-server there is. */

import { hasErrno, LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";

const deadlineMs = 10_000;

/** Such as "3.24"; undefined when there is none, or none that can be started. */
export async function nbdServerVersion(exec: Exec): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await exec({ file: "nbd-server", args: ["-V"], deadlineMs });
    return /version (\d+(?:\.\d+)+)/.exec(`${stdout.toString()}${stderr}`)?.[1];
  } catch (error) {
    if (error instanceof LuksmithError || hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
