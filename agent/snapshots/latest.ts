/** The link `latest` in a job's directory, for people: nothing of ours goes through it. */

import { join } from "node:path";
import { type Exec, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";

/** @param name of a finished snapshot */
export async function pointLatest(exec: Exec, jobDir: string, name: string, signal: AbortSignal): Promise<void> {
  // ln makes the new link under another name and puts it in the old one's place with rename(2)
  const args = ["--symbolic", "--force", "--no-target-directory", "--", name, join(jobDir, "latest")];
  await mustRun(exec, { file: "ln", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
}
