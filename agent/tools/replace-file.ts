/** A file in a volume, by children: the agent's own process does no file I/O there. */

import { dirname } from "node:path";
import { type Exec, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs } from "./deadlines.ts";

/**
 * Whole or not at all, also when it is cut short; durable with the file system's next sync. Its directory is made, closed to others.
 * @throws {LuksmithError} "tool_failed"
 */
export async function replaceFile(exec: Exec, path: string, text: string, signal: AbortSignal): Promise<void> {
  const operate = (file: string, args: string[], stdin?: string) =>
    mustRun(exec, {
      file,
      args,
      brief: true,
      deadlineMs: volumeDeadlineMs,
      signal,
      ...(stdin === undefined ? {} : { stdin }),
    });
  await operate("mkdir", ["--parents", "--mode=0700", "--", dirname(path)]);
  // on the disk before it is under its name
  await operate("dd", [`of=${path}.new`, "conv=fsync", "status=none"], text);
  await operate("mv", ["--no-target-directory", "--", `${path}.new`, path]);
}
