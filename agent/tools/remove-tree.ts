/** rm(1) of a directory tree, by a child: it never leaves the file system that it began in, and follows no link. */

import { type Exec, mustRun } from "../../common/exec.ts";

export async function removeTree(exec: Exec, path: string, deadlineMs: number, signal?: AbortSignal): Promise<void> {
  const args = ["--recursive", "--force", "--one-file-system", "--", path];
  await mustRun(exec, { file: "rm", args, deadlineMs, signal });
}
