/** Whether there is anything to back up, asked before the volume is mounted. */

import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import type { SourcedJob } from "./sourced-job.ts";

/** A source may lie on a network mount that does not answer. */
const statDeadlineMs = 60_000;

/**
 * Some missing sources are rsync's to complain of; all missing is no backup but a mistake (an unplugged disk, a typing
 * error), and an empty snapshot would look like success.
 * @throws {LuksmithError} "not_found" when not one of them exists
 */
export async function requireSources(exec: Exec, job: SourcedJob, signal: AbortSignal): Promise<void> {
  const args = ["--format=%F", "--", ...job.sources];
  const { stdout } = await exec({ file: "stat", args, as: job.as, brief: true, deadlineMs: statDeadlineMs, signal });
  if (stdout.length > 0) return;
  throw new LuksmithError("not_found", `none of the sources of job ${job.name} exists: ${job.sources.join(", ")}`, {
    hint: "is a disk not mounted",
  });
}
