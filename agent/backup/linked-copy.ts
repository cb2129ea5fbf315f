/**
 * A new snapshot from the newest one, when little has changed: rsync only says what differs, cp(1) links everything, and
 * what differs is taken out of the copy and copied anew. rsync's own --link-dest comes to the same, but walks from the
 * root directory down to each file of the older snapshot, twice (rsync 3.5).
 *
 * An inode that a finished snapshot shares is never written to: what differs in any way is removed from the new one
 * before rsync touches it, and rsync's filters let nothing else through. What is done to the source meanwhile is the next
 * backup's. The result counts only when it has as many entries as rsync found on the machine; otherwise, and whenever
 * something is not understood, it is undone, and rsync does all of it.
 */

import { allOrFirstError } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun } from "../../common/exec.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext } from "../runs/context.ts";
import type { Host } from "../system/host.ts";
import { type CopyResult, type CopySpec, copy } from "../tools/rsync.ts";
import { itemFormat, parseItem, type RsyncStats } from "../tools/rsync-output.ts";
import { ChangeCollector, type Changes } from "./changes.ts";
import { copyProgress } from "./copy-progress.ts";
import { includeRules } from "./include-rules.ts";
import { copyArgs } from "./selection.ts";

/** For what touches every entry of a tree. */
const treeDeadlineMs = 6 * 3_600_000;
const lookDeadlineMs = 600_000;

type Tools = Pick<Host, "exec" | "clock">;
type Steps = Pick<RunContext, "step" | "progress">;

export interface LinkedCopySpec {
  readonly job: JobConfig;
  /** Of rsync: what is taken, and what is not. */
  readonly selection: readonly string[];
  /** Absolute path of the finished snapshot, which must be of the same selection. */
  readonly base: string;
  /** Absolute path of the new one, which is not there yet. */
  readonly partial: string;
  readonly onComplaint: CopySpec["onComplaint"];
}

/**
 * @returns undefined when this is a case for rsync alone (hard links changed, files that cannot be read, many changes,
 *   files that came and went meanwhile); `partial` is then not there
 * @throws {LuksmithError} "full" when there is no room left, `partial` is then not there; "tool_failed"
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
  const complaints: Parameters<CopySpec["onComplaint"]>[] = [];
  const onComplaint: CopySpec["onComplaint"] = (...complaint) => complaints.push(complaint);
  const linked = await run.step("link", () => linkAll(exec, spec, changes.copy, signal));
  const copied = linked
    ? await run.step("copy", () => exchange(host, { ...spec, onComplaint }, changes, run, signal))
    : undefined;
  if (copied === undefined || (await countEntries(exec, spec.partial, signal)) !== expectedEntries(spec.job, stats)) {
    await removeTree(exec, spec.partial, signal);
    return undefined;
  }
  for (const complaint of complaints) spec.onComplaint(...complaint);
  const { filesCopied, bytesCopied } = copied.stats;
  return { incomplete: copied.incomplete, stats: { ...stats, filesCopied, bytesCopied } };
}

/** What differs between the machine and the snapshot; undefined when that cannot be said for sure, or is not simple. */
async function findChanges(host: Tools, spec: LinkedCopySpec, run: Steps, signal: AbortSignal) {
  const { job, selection, base } = spec;
  const collector = new ChangeCollector();
  let isUnderstood = true;
  const look = {
    args: [
      ...["--dry-run", `--out-format=${itemFormat}`, ...selection, "--delete", "--delete-excluded"],
      ...["--", ...job.sources, `${base}/`],
    ],
    volume: job.volume,
    onProgress: copyProgress(host.clock, run, "compare"),
    onLine: (line: Buffer) => {
      const item = parseItem(line);
      if (item) collector.add(item);
      else isUnderstood = false;
    },
    onComplaint: () => {
      isUnderstood = false;
    },
  };
  const { incomplete, stats } = await copy(host.exec, look, signal);
  const changes = collector.changes();
  return incomplete || !isUnderstood || changes === undefined ? undefined : { changes, stats };
}

/** @returns false when it is none of our cases after all: other names of changed files, or cp could not do all of it */
async function linkAll(
  exec: Exec,
  { base, partial }: LinkedCopySpec,
  changed: readonly Buffer[],
  signal: AbortSignal,
): Promise<boolean> {
  const args = ["--archive", "--link", "--no-target-directory", "--", base, partial];
  const [hardLinked, linked] = await allOrFirstError(
    anyHardLinked(exec, changed, signal),
    exec({ file: "cp", args, deadlineMs: treeDeadlineMs, signal }),
  );
  if (linked.exitCode === 0) return !hardLinked;
  if (!/No space left on device|Disk quota exceeded/.test(linked.stderr)) return false;
  // nothing but links and directories, which take the last of the room
  await removeTree(exec, partial, signal);
  throw new LuksmithError("full", "there is no room left", { cause: lastWords(linked) });
}

/** Whether one of the files has other names on the machine, which rsync would have to know of; true when in doubt. */
async function anyHardLinked(exec: Exec, paths: readonly Buffer[], signal: AbortSignal): Promise<boolean> {
  if (paths.length === 0) return false;
  const tests = ["-maxdepth", "0", "!", "-type", "d", "-links", "+1", "-printf", "x", "-quit"];
  const { exitCode, stdout } = await exec({
    file: "find",
    args: ["-files0-from", "-", ...tests],
    // one that has gone since it was seen makes exit code 1
    stdin: nullTerminated(paths, "/"),
    deadlineMs: lookDeadlineMs,
    signal,
  });
  return stdout.length > 0 || exitCode > 1;
}

/** Takes out of the copy what differs, and brings what there is instead. */
async function exchange(
  host: Tools,
  spec: LinkedCopySpec,
  changes: Changes,
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult> {
  const { job, selection, partial, onComplaint } = spec;
  if (changes.remove.length > 0) {
    await mustRun(host.exec, {
      file: "xargs",
      args: ["--null", "--", "rm", "--recursive", "--force", "--one-file-system", "--"],
      cwd: partial,
      stdin: nullTerminated(changes.remove, "./"),
      deadlineMs: treeDeadlineMs,
      signal,
    });
  }
  if (changes.copy.length === 0)
    return { incomplete: false, stats: { files: 0, bytes: 0, filesCopied: 0, bytesCopied: 0 } };
  const args = [
    ...[...selection, ...copyArgs(job), "--from0", "--include-from=-", "--exclude=*"],
    ...["--", ...job.sources, `${partial}/`],
  ];
  const onProgress = copyProgress(host.clock, run, "copy");
  const stdin = includeRules(changes.copy, job.sources);
  return copy(host.exec, { args, stdin, volume: job.volume, onProgress, onComplaint }, signal);
}

/** Without the snapshot's own directory. */
async function countEntries(exec: Exec, directory: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  const { exitCode } = await exec({
    file: "find",
    args: [directory, "-mindepth", "1", "-printf", "x"],
    deadlineMs: treeDeadlineMs,
    signal,
    onStdout: (chunk) => {
      count += chunk.length;
    },
  });
  return exitCode === 0 ? count : -1;
}

/** What rsync counts; of a source "/" it counts the root directory as well. */
function expectedEntries(job: JobConfig, stats: RsyncStats): number {
  return stats.files - (job.sources.some((source) => /^\/+$/.test(source)) ? 1 : 0);
}

async function removeTree(exec: Exec, path: string, signal: AbortSignal): Promise<void> {
  const args = ["--recursive", "--force", "--one-file-system", "--", path];
  await mustRun(exec, { file: "rm", args, deadlineMs: treeDeadlineMs, signal });
}

function nullTerminated(paths: readonly Buffer[], start: string): Buffer {
  return Buffer.concat(paths.flatMap((path) => [Buffer.from(start), path, Buffer.from("\0")]));
}
