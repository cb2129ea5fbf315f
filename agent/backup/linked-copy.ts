/**
 * A new snapshot from the newest one, when little has changed: rsync only says what differs, cp(1) links everything, and
 * what differs is taken out of the copy and copied anew. rsync's own --link-dest comes to the same, but walks from the
 * root directory down to each file of the older snapshot, twice (rsync 3.5).
 *
 * An inode that a finished snapshot shares is never written to: what is changed in any way is removed from the new one
 * before rsync touches it, and rsync is given nothing else to touch. What happens to the source between the look and
 * the copy is the next backup's.
 */

import { allOrFirstError } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun } from "../../common/exec.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext } from "../runs/context.ts";
import type { Host } from "../system/host.ts";
import { archiveArgs, type CopyResult, type CopySpec, copy } from "../tools/rsync.ts";
import { itemFormat, parseItem } from "../tools/rsync-output.ts";
import { ChangeCollector } from "./changes.ts";
import { copyProgress } from "./copy-progress.ts";
import { copyArgs } from "./selection.ts";

const linkDeadlineMs = 6 * 3_600_000;
const lookDeadlineMs = 600_000;

type Tools = Pick<Host, "exec" | "clock">;
type Steps = Pick<RunContext, "step" | "progress">;

export interface LinkedCopySpec {
  readonly job: JobConfig;
  /** Of rsync: what is taken, and what is not. */
  readonly selection: readonly string[];
  /** Absolute path of the finished snapshot. */
  readonly base: string;
  /** Absolute path of the new one, which is not there yet. */
  readonly partial: string;
  readonly onComplaint: CopySpec["onComplaint"];
}

/**
 * @returns undefined when this is a case for rsync alone (hard links changed, files that cannot be read, very many
 *   changes); `partial` is then not there
 * @throws {LuksmithError} "full" when there is no room left; "tool_failed"
 */
export async function linkedCopy(
  host: Tools,
  spec: LinkedCopySpec,
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult | undefined> {
  const { exec } = host;
  const looked = await run.step("compare", () => findChanges(host, spec, run, signal));
  if (looked === undefined) return undefined;
  const { changes, stats } = looked;
  if (!(await run.step("link", () => linkOrLeave(exec, spec, changes.copy, signal)))) return undefined;
  if (changes.copy.length === 0 && changes.remove.length === 0) {
    return { incomplete: false, stats: { ...stats, filesCopied: 0, bytesCopied: 0 } };
  }
  return run.step("copy", async () => {
    await removeAll(exec, spec.partial, changes.remove, signal);
    const copied = await copyAll(host, spec, changes.copy, run, signal);
    const { filesCopied, bytesCopied } = copied.stats;
    return { incomplete: copied.incomplete, stats: { ...stats, filesCopied, bytesCopied } };
  });
}

/** What differs between the machine and the snapshot; undefined when that cannot be said for sure, or is not simple. */
async function findChanges(host: Tools, spec: LinkedCopySpec, run: Steps, signal: AbortSignal) {
  const { job, selection, base } = spec;
  const collector = new ChangeCollector();
  let complaints = 0;
  const look = {
    args: ["--dry-run", `--out-format=${itemFormat}`, ...selection, "--", ...job.sources, `${base}/`],
    volume: job.volume,
    onProgress: copyProgress(host.clock, run, "compare"),
    onLine: (line: Buffer) => {
      const item = parseItem(line);
      if (item) collector.add(item);
    },
    onComplaint: () => {
      complaints += 1;
    },
  };
  const { incomplete, stats } = await copy(host.exec, look, signal);
  const changes = collector.changes();
  return incomplete || complaints > 0 || changes === undefined ? undefined : { changes, stats };
}

/** Whether one of the files has other names on the machine, which rsync would have to know of. */
async function anyHardLinked(exec: Exec, paths: readonly Buffer[], signal: AbortSignal): Promise<boolean> {
  if (paths.length === 0) return false;
  const tests = ["-maxdepth", "0", "!", "-type", "d", "-links", "+1", "-printf", "x", "-quit"];
  const { stdout } = await exec({
    file: "find",
    args: ["-files0-from", "-", ...tests],
    // what has gone since it was seen is no reason to stop: the copy says so
    stdin: nullTerminated(paths, "/"),
    deadlineMs: lookDeadlineMs,
    signal,
  });
  return stdout.length > 0;
}

/** @returns false when it is none of our cases after all; what was linked is removed again */
async function linkOrLeave(
  exec: Exec,
  spec: LinkedCopySpec,
  changed: readonly Buffer[],
  signal: AbortSignal,
): Promise<boolean> {
  const [hardLinked, linked] = await allOrFirstError(anyHardLinked(exec, changed, signal), linkAll(exec, spec, signal));
  if (linked && !hardLinked) return true;
  const remove = ["--recursive", "--force", "--one-file-system", "--", spec.partial];
  await mustRun(exec, { file: "rm", args: remove, deadlineMs: linkDeadlineMs, signal });
  return false;
}

/** @returns false when cp could not do all of it for another reason than room, such as too many links to a file */
async function linkAll(exec: Exec, { base, partial }: LinkedCopySpec, signal: AbortSignal): Promise<boolean> {
  const args = ["--archive", "--link", "--no-target-directory", "--", base, partial];
  const finished = await exec({ file: "cp", args, deadlineMs: linkDeadlineMs, signal });
  if (finished.exitCode === 0) return true;
  if (/No space left on device|Disk quota exceeded/.test(finished.stderr)) {
    throw new LuksmithError("full", "there is no room left", { cause: lastWords(finished) });
  }
  return false;
}

async function removeAll(exec: Exec, partial: string, paths: readonly Buffer[], signal: AbortSignal): Promise<void> {
  if (paths.length === 0) return;
  const remove = ["--", "rm", "--recursive", "--force", "--one-file-system", "--"];
  await mustRun(exec, {
    file: "xargs",
    args: ["--null", ...remove],
    cwd: partial,
    stdin: nullTerminated(paths, "./"),
    deadlineMs: linkDeadlineMs,
    signal,
  });
}

async function copyAll(
  host: Tools,
  spec: LinkedCopySpec,
  paths: readonly Buffer[],
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult> {
  const { job, partial, onComplaint } = spec;
  const args = [
    ...archiveArgs,
    ...copyArgs(job),
    // whatever may have become a directory since: nothing but the list
    ...["--no-recursive", "--dirs", "--relative", "--from0", "--files-from=-"],
    ...["--", "/", `${partial}/`],
  ];
  const stdin = nullTerminated(paths, "./");
  const onProgress = copyProgress(host.clock, run, "copy");
  return copy(host.exec, { args, stdin, volume: job.volume, onProgress, onComplaint }, signal);
}

function nullTerminated(paths: readonly Buffer[], start: string): Buffer {
  return Buffer.concat(paths.flatMap((path) => [Buffer.from(start), path, Buffer.from("\0")]));
}
