/** What of the machine a job takes, as arguments for rsync. Pure. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { JobConfig } from "../config/job.ts";
import { archiveArgs } from "../tools/rsync.ts";
import type { SourcedJob } from "./sourced-job.ts";

/**
 * Full paths are kept below the snapshot (--relative), so /etc/hosts is etc/hosts there, and patterns with a leading
 * slash mean paths on the machine. Source: rsync(1)
 *
 * Never what the agent itself has mounted: with file systems crossed, a source such as "/" holds the very volume that is
 * written to.
 */
export function selectionArgs(job: SourcedJob, runtimeDir: string): string[] {
  return [
    ...archiveArgs,
    ...(job.as === undefined ? [] : [ownModes]),
    "--relative",
    ...(job.oneFileSystem ? ["--one-file-system"] : []),
    ...job.exclude.map((pattern) => `--exclude=${pattern}`),
    ...["volumes", "views"].map((directory) => `--exclude=${join(runtimeDir, directory)}/`),
  ];
}

/**
 * Files of others that a user may read become the user's in the snapshot: they do not run as the user then (setuid, setgid), and the
 * user can read them there too, whatever rights the owner had.
 */
const ownModes = "--chmod=Du+rx,Fu+r,Fug-s";

/** What is not, or no longer, to be taken goes from a snapshot that has it. */
export const deletingArgs = ["--delete", "--delete-excluded"] as const;

/**
 * How the machine's files are read: without a trace in their access times, which is for their owners and root (open(2), O_NOATIME),
 * and no faster than the job may.
 */
export function copyArgs(job: SourcedJob): string[] {
  const limit = job.bandwidthLimit === undefined ? [] : [`--bwlimit=${Math.ceil(job.bandwidthLimit / 1024)}`];
  return [...(job.as === undefined ? ["--open-noatime"] : []), ...limit];
}

/** Equal for two runs that take the same: only then does a half-finished copy of one serve the other. */
export function selectionDigest({ sources, exclude, oneFileSystem, user }: JobConfig): string {
  const selection = JSON.stringify([sources, exclude, oneFileSystem, ...(user === undefined ? [] : [user])]);
  return createHash("sha256").update(selection).digest("hex");
}
