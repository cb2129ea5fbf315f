/** sync(1): what was written to a file system is on its disk when this returns. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, mustRun } from "../../common/exec.ts";
import { mountOf } from "../system/mountinfo.ts";
import { wholeVolumeDeadlineMs } from "./deadlines.ts";

/**
 * syncfs(2), which reports what earlier writes failed with (Linux 5.8). Of a file system that an error has made read-only it
 * reports nothing (sync_filesystem(), Linux 6.1), although the newest of what was written is lost.
 * @param path anything on the file system
 * @throws {LuksmithError} "tool_failed" when something did not get there
 */
export async function syncFilesystem(exec: Exec, path: string, signal: AbortSignal): Promise<void> {
  // brief, although it may take long: while it waits nothing could end it anyway
  const args = ["--file-system", "--", path];
  await mustRun(exec, { file: "sync", args, brief: true, deadlineMs: wholeVolumeDeadlineMs, signal });
  const mount = await mountOf(path);
  if (mount?.hasFailed === true) {
    throw new LuksmithError("tool_failed", `the file system at ${mount.mountPoint} has become read-only over an error`);
  }
}
