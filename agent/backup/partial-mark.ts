/** What an interrupted snapshot was of, kept in the volume so that it is resumed only by a run that takes the same. */

import { join } from "node:path";
import { type Exec, mustRun } from "../../common/exec.ts";
import type { JobConfig } from "../config/job.ts";
import { ownDirectory } from "../volume/identity.ts";
import { selectionDigest } from "./selection.ts";

const ioDeadlineMs = 120_000;

function markFile(filesDir: string, job: string): string {
  return join(ownDirectory(filesDir), `${job}.partial`);
}

export async function markSelection(exec: Exec, filesDir: string, job: JobConfig, signal: AbortSignal): Promise<void> {
  const args = [`of=${markFile(filesDir, job.name)}`, "status=none"];
  await mustRun(exec, { file: "dd", args, stdin: `${selectionDigest(job)}\n`, deadlineMs: ioDeadlineMs, signal });
}

export async function sameSelection(
  exec: Exec,
  filesDir: string,
  job: JobConfig,
  signal: AbortSignal,
): Promise<boolean> {
  const args = ["--", markFile(filesDir, job.name)];
  const { stdout } = await exec({ file: "cat", args, deadlineMs: ioDeadlineMs, signal });
  return stdout.toString().trim() === selectionDigest(job);
}
