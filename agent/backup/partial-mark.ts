/**
 * What an interrupted snapshot was of, so that it is gone on with in place only by a run that takes the same. It is kept
 * on this machine: without it, or with that of another snapshot, the next run shares the files of the interrupted one
 * instead, which is always right.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../../common/durable-file.ts";
import { hasErrno } from "../../common/errors.ts";
import type { JobConfig } from "../config/job.ts";
import { selectionDigest } from "./selection.ts";

function markFile(stateDir: string, job: string): string {
  return join(stateDir, "partials", job);
}

function mark(job: JobConfig, partial: string): string {
  return `${partial} ${selectionDigest(job)}\n`;
}

/** @param partial the directory's name, which is about to be made */
export async function markPartial(stateDir: string, job: JobConfig, partial: string): Promise<void> {
  await writeFileDurably(markFile(stateDir, job.name), mark(job, partial), 0o600);
}

export async function isOfSameSelection(stateDir: string, job: JobConfig, partial: string): Promise<boolean> {
  try {
    return (await readFile(markFile(stateDir, job.name), "utf8")) === mark(job, partial);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return false;
    throw error;
  }
}
