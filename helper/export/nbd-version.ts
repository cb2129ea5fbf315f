/** Which nbd-server there is, and whether it will do. */

import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";

const deadlineMs = 10_000;
/** The first that serves in the foreground on a socket, and gives back what is discarded, in one (NEWS of nbd). */
const oldest = [3, 15] as const;

/** Such as "3.24"; undefined when there is none, or none that can be started. */
export async function askNbdServerVersion(exec: Exec): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await exec({ file: "nbd-server", args: ["-V"], deadlineMs });
    return /version (\d+(?:\.\d+)+)/.exec(`${stdout.toString()}${stderr}`)?.[1];
  } catch (error) {
    if (error instanceof LuksmithError) return undefined;
    throw error;
  }
}

/** @param version as {@link askNbdServerVersion} has it @throws {LuksmithError} "tool_failed" for one that will not do */
export function requireVersion(version: string | undefined): void {
  if (version === undefined) {
    throw new LuksmithError("tool_failed", "nbd-server is not installed on the backup host, or cannot be started", {
      hint: "its administrator: apt install nbd-server",
    });
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return;
  throw new LuksmithError("tool_failed", `nbd-server ${version} on the backup host is too old`, {
    hint: `it has to be ${oldest.join(".")} or newer`,
  });
}
