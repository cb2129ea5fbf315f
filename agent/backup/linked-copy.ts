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

import { allOrFirstError, allOrNone } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import type { RunContext } from "../runs/context.ts";
import type { Host } from "../system/host.ts";
import { wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { nullTerminated } from "../tools/null-terminated.ts";
import { removeTree, removeTrees } from "../tools/remove-tree.ts";
import { archiveArgs, type CopyResult, type CopySpec, copy } from "../tools/rsync.ts";
import { itemFormat, noStats, parseItem, type RsyncStats } from "../tools/rsync-output.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { type Change, ChangeCollector, type Changes, isNone, Outstanding } from "./changes.ts";
import { copyProgress } from "./copy-progress.ts";
import { includeRules } from "./include-rules.ts";
import { copyArgs, deletingArgs } from "./selection.ts";
import type { SourcedJob } from "./sourced-job.ts";
import { isWhole } from "./whole.ts";
import { withWriteBehind } from "./write-behind.ts";

const lookDeadlineMs = 600_000;

type Tools = Pick<Host, "exec" | "clock">;
type Steps = Pick<RunContext, "step" | "progress">;

export interface LinkedCopySpec {
  readonly job: SourcedJob;
  /** Of rsync: what is taken, and what is not. */
  readonly selection: readonly string[];
  /** Absolute path of the finished snapshot, which must be of the same selection. */
  readonly base: string;
  /** Absolute path of the new one, which is not there yet. */
  readonly partial: string;
  /** What else is to be written when it is known what there is, beside the last of the work. May be for nothing. */
  readonly beside: (stats: RsyncStats) => Promise<void>;
  /** What was written before then, in milliseconds since 1970, is on the backup host's disk. */
  readonly onSettled: (beganMs: number) => void;
}

/** Whether this way can be taken: entries below two sources would be counted twice. */
export function canBeLinked(sources: readonly string[]): boolean {
  const directories = sources.map((source) => `${source.replace(/\/+$/, "")}/`);
  return !directories.some((one, index) => directories.some((other, at) => at !== index && one.startsWith(other)));
}

/**
 * The contents that it has brought are on the backup host's disk when it returns. Names, links and attributes alone may
 * not be: ext4's journal and btrfs' transactions commit such changes in their order, so that none of ours that comes later is there before them.
 * @returns undefined when this is a case for rsync alone (hard links changed, files that cannot be read, many changes,
 *   files that came and went meanwhile); `partial` is then not there
 * @throws {LuksmithError} "full" when there is no room left; "tool_failed". What there is of `partial` then is an
 *   interrupted snapshot like any other
 */
export async function linkedCopy(
  host: Tools,
  spec: LinkedCopySpec,
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult | undefined> {
  const looked = await run.step("compare", () => lookAndLink(host, spec, run, signal));
  const stats = looked && (await bringChanges(host, spec, looked, run, signal));
  if (stats) return { incomplete: false, stats };
  await removeTree(host.exec, spec.partial, signal);
  return undefined;
}

/** @returns undefined when the snapshot did not become what was found on the machine */
async function bringChanges(
  host: Tools,
  spec: LinkedCopySpec,
  { changes, stats }: Looked,
  run: Steps,
  signal: AbortSignal,
): Promise<RsyncStats | undefined> {
  if (isNone(changes)) return stats;
  const copied = await run.step("copy", () => exchange(host, spec, changes, run, signal));
  if (copied === undefined) return undefined;
  const { filesCopied, bytesCopied } = copied.stats;
  const all = { ...stats, filesCopied, bytesCopied };
  const [, , whole] = await allOrFirstError(
    // begun in this order: while the journal is committed the first would have to wait, and the last has the time
    spec.beside(all),
    syncFilesystem(host.exec, spec.partial, signal),
    isWhole(host.exec, spec, all, signal),
  );
  return whole ? all : undefined;
}

interface Looked {
  readonly changes: Changes;
  readonly stats: RsyncStats;
}

/** Thrown by any of those that run side by side, to end the others: this is a case for rsync alone. */
const notSimple = new Error("a case for rsync alone");

/** @param begin several side by side, on a signal with which each ends the others. @returns what the first came to */
async function firstUnlessNotSimple<T>(
  signal: AbortSignal,
  begin: (both: AbortSignal) => readonly [Promise<T>, ...Promise<unknown>[]],
): Promise<T | undefined> {
  const either = new AbortController();
  try {
    const [first] = await allOrNone<[T, ...unknown[]]>(either, ...begin(AbortSignal.any([signal, either.signal])));
    return first;
  } catch (error) {
    if (error === notSimple) return undefined;
    throw error;
  }
}

/**
 * Looking for what differs waits for the machine's disk, linking for the volume's: neither waits for the other, and in
 * most backups both are needed. When nothing differs, the snapshot is done with here.
 */
async function lookAndLink(
  host: Tools,
  spec: LinkedCopySpec,
  run: Steps,
  signal: AbortSignal,
): Promise<Looked | undefined> {
  return firstUnlessNotSimple(signal, (both) => {
    const looking = findChanges(host, spec, run, both);
    const alone = looking.then(async ({ changes }) => {
      if (await anyHardLinked(host.exec, changes.copy, both)) throw notSimple;
    });
    const linking = linkAll(host.exec, spec, signal, both);
    const attributing = linking.then(() => copyDirectoryAttributes(host.exec, spec, both));
    const finishing = allOrFirstError(looking, linking).then(async ([{ changes, stats }]) => {
      if (!isNone(changes)) return;
      // beside what is still done to the directories, and not to be broken off by it
      const [, whole] = await allOrFirstError(spec.beside(stats), isWhole(host.exec, spec, stats, signal));
      if (!whole) throw notSimple;
    });
    return [looking, alone, attributing, finishing];
  });
}

/** What differs between the machine and the snapshot. @throws notSimple when rsync has to see the whole of it */
async function findChanges(host: Tools, spec: LinkedCopySpec, run: Steps, signal: AbortSignal): Promise<Looked> {
  const { job, selection, base } = spec;
  const collector = new ChangeCollector();
  const look = {
    args: [
      ...["--dry-run", `--out-format=${itemFormat}`, ...selection, ...deletingArgs],
      ...["--", ...job.sources, `${base}/`],
    ],
    volume: job.volume,
    onProgress: copyProgress(host.clock, run, "compare"),
    onLine: (line: Buffer) => {
      const item = parseItem(line);
      if (item === undefined || !collector.add(item)) throw notSimple;
    },
  };
  const looked = await copyWithoutComplaint(host.exec, look, signal);
  const changes = collector.changes();
  if (looked === undefined || changes === undefined) throw notSimple;
  return { changes, stats: looked.stats };
}

/**
 * @param signal of the run: what there is when there is no room left is removed even when the other side has ended
 * @throws notSimple when cp could not do all of it
 */
async function linkAll(
  exec: Exec,
  { base, partial }: LinkedCopySpec,
  signal: AbortSignal,
  both: AbortSignal,
): Promise<void> {
  const args = ["--archive", "--link", "--no-target-directory", "--", base, partial];
  const linked = await exec({
    file: "cp",
    args,
    brief: true,
    silent: true,
    deadlineMs: wholeVolumeDeadlineMs,
    signal: both,
  });
  if (linked.exitCode === 0) return;
  if (!/No space left on device|Disk quota exceeded/.test(linked.stderr)) throw notSimple;
  // nothing but links and directories, which take the last of the room
  await removeTree(exec, partial, signal);
  throw new LuksmithError("full", "there is no room left", { cause: lastWords(linked) });
}

/**
 * cp leaves out extended attributes that /etc/xattr.conf (libattr) names, and says nothing of any that it could not set.
 * Files keep theirs with their inodes. Nothing but directories gets through, which no snapshot shares.
 * @throws notSimple when rsync complains
 */
async function copyDirectoryAttributes(
  exec: Exec,
  { base, partial }: LinkedCopySpec,
  signal: AbortSignal,
): Promise<void> {
  const args = [...archiveArgs, "--include=*/", "--exclude=*", "--", `${base}/`, `${partial}/`];
  if ((await copyWithoutComplaint(exec, { args, brief: true }, signal)) === undefined) throw notSimple;
}

/** @returns undefined when rsync complained of anything */
async function copyWithoutComplaint(
  exec: Exec,
  spec: Omit<CopySpec, "onComplaint">,
  signal: AbortSignal,
): Promise<CopyResult | undefined> {
  let complained = false;
  const onComplaint = () => {
    complained = true;
  };
  const result = await copy(exec, { ...spec, onComplaint }, signal);
  return result.incomplete || complained ? undefined : result;
}

/** Whether one of the files has other names on the machine, which rsync would have to know of; true when in doubt. */
async function anyHardLinked(exec: Exec, changed: readonly Change[], signal: AbortSignal): Promise<boolean> {
  if (changed.length === 0) return false;
  const tests = ["-maxdepth", "0", "!", "-type", "d", "-links", "+1", "-printf", "x", "-quit"];
  const { exitCode, stdout } = await exec({
    file: "find",
    args: ["-files0-from", "-", ...tests],
    brief: true,
    // one that has gone since it was seen makes exit code 1
    stdin: nullTerminated(
      changed.map(({ path }) => path),
      "/",
    ),
    deadlineMs: lookDeadlineMs,
    signal,
  });
  return stdout.length > 0 || exitCode > 1;
}

/**
 * Takes out of the copy what differs, and brings what there is instead.
 * @returns undefined when rsync complains, or did not make all of it as what it was
 */
async function exchange(
  host: Tools,
  spec: LinkedCopySpec,
  changes: Changes,
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult | undefined> {
  const { job, selection, partial } = spec;
  if (changes.remove.length > 0) {
    await removeTrees(host.exec, nullTerminated(changes.remove, `${partial}/`), signal);
  }
  if (changes.copy.length === 0) return { incomplete: false, stats: noStats };
  const paths = changes.copy.map(({ path }) => path);
  const outstanding = new Outstanding(changes.copy);
  const exchanged = {
    args: [
      ...[...selection, ...copyArgs(job), `--out-format=${itemFormat}`, "--from0", "--include-from=-", "--exclude=*"],
      ...["--", ...job.sources, `${partial}/`],
    ],
    stdin: includeRules(paths, job.sources),
    volume: job.volume,
    keepsUnfinished: true,
    onProgress: copyProgress(host.clock, run, "copy"),
    onLine: (line: Buffer) => {
      const item = parseItem(line);
      if (item !== undefined) outstanding.crossOff(item);
    },
  };
  const copied = await withWriteBehind(
    host,
    partial,
    signal,
    (onStart, inTime) => copyWithoutComplaint(host.exec, { ...exchanged, onStart }, inTime),
    spec.onSettled,
  );
  return outstanding.isEmpty ? copied : undefined;
}
