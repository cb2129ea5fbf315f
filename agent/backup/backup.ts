/**
 * A backup: hooks, attach, copy into NAME.partial, record and sync, rename to NAME, `latest`, sync, detach. What interrupts it
 * leaves a NAME.partial, in which the next run goes on.
 */

import { basename, dirname, join } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { mustRun } from "../../common/exec.ts";
import { formatBytes, plural } from "../../common/units.ts";
import type { Growth } from "../config/volume.ts";
import { pruneAfterBackup } from "../prune/by-policy.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { newestFinished } from "../snapshots/entries.ts";
import { pointLatest } from "../snapshots/latest.ts";
import { partialName } from "../snapshots/name.ts";
import { appendRecord } from "../snapshots/record.ts";
import { type Attached, type AttachOptions, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { setReadOnly } from "../tools/btrfs-subvolume.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { giveTo } from "../tools/give.ts";
import { type CopyResult, copy } from "../tools/rsync.ts";
import { itemAction, itemFormat, parseItem } from "../tools/rsync-output.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { PinStore } from "../volume/pin.ts";
import { withWarming } from "../warm/warming.ts";
import { type AssembledCopySpec, assembledCopy } from "./assembled-copy.ts";
import { copyProgress } from "./copy-progress.ts";
import { VolumeFullError, withGrowth } from "./growth.ts";
import { type HookOutcome, runAfterHooks, runBeforeHooks } from "./hooks.ts";
import { canBeLinked, linkedCopy } from "./linked-copy.ts";
import { PartialStates } from "./partial-states.ts";
import { planBackup } from "./plan.ts";
import { nothingPrepared, prepare } from "./preparing.ts";
import { freeBytes, missingBytes, neededBytes } from "./room.ts";
import { copyArgs, deletingArgs, selectionArgs } from "./selection.ts";
import { copyFromSource } from "./source-copy.ts";
import type { SourcedJob } from "./sourced-job.ts";
import { requireSources } from "./sources.ts";
import { subvolumeCopy } from "./subvolume-copy.ts";
import { type SubvolumeStart, startSubvolume } from "./subvolume-start.ts";
import { withWriteBehind } from "./write-behind.ts";

export interface BackupOptions {
  readonly dryRun: boolean;
  readonly acceptRollback: boolean;
}

export async function backup(
  host: Host,
  pins: PinStore,
  job: SourcedJob,
  target: Target,
  options: BackupOptions,
  run: RunContext,
): Promise<RunResult> {
  if (options.dryRun) return dryRun(host, pins, job, target, options, run);
  let outcome: HookOutcome = "failed";
  let snapshot = "";
  let failed = false;
  try {
    if (job.before.length > 0) {
      const answer = await run.step("before hooks", () => runBeforeHooks(host.exec, job, run));
      if (answer === "skip") {
        outcome = "skipped";
        return { state: "skipped", summary: `job ${job.name}: a before hook said that there is nothing to do now` };
      }
    }
    const result = await withGrowth(host, pins, target, run, (grown) =>
      withVolume(host, pins, grown, attachOptions(host, job, options), run, (attached) =>
        makeSnapshot(host, job, attached, grown.volume.growth, run),
      ),
    );
    outcome = result.state;
    snapshot = result.snapshot ?? "";
    return result;
  } catch (error) {
    failed = true;
    const cancelled = run.signal.aborted && asLuksmithError(error).code === "cancelled";
    outcome = cancelled ? "cancelled" : run.willTryAgain(error) ? "retrying" : "failed";
    throw error;
  } finally {
    if (job.after.length > 0) {
      const hooks = run.step("after hooks", () => runAfterHooks(host.exec, job, run, outcome, snapshot));
      await hooks.catch((error: Error) => {
        // what the backup itself failed over counts for more; and one that is done is done, when a hook of it is cut short
        if (!failed && !run.hurry.aborted) throw error;
        run.warn(error.message);
      });
    }
  }
}

function attachOptions({ exec }: Host, job: SourcedJob, { dryRun, acceptRollback }: BackupOptions): AttachOptions {
  const precondition = (signal: AbortSignal) => requireSources(exec, job, signal);
  const mode = dryRun ? "read" : "write";
  return { mode, acceptRollback, job: job.name, precondition, keepsCheckpoint: !dryRun };
}

async function makeSnapshot(
  host: Host,
  job: SourcedJob,
  attached: Attached,
  growth: Growth | undefined,
  run: RunContext,
): Promise<RunResult> {
  const jobDir = join(attached.filesDir, job.name);
  const { signal } = attached;
  const { states, plan } = await planned(host, job, attached);
  const linkable =
    plan.base !== undefined && canBeLinked(job.sources) && states.isOfSameSelection(partialName(plan.base));
  const partial = join(jobDir, partialName(plan.name));
  const explaining = <T>(work: () => Promise<T>, bases: readonly string[]) =>
    work().catch(async (error: unknown) => {
      if (!(error instanceof LuksmithError) || error.code !== "full") throw error;
      const unexplained = new VolumeFullError(error.message, 0, { cause: error });
      throw await explainFull(host, job, attached, partial, bases, error).catch(() => unexplained);
    });
  const known = plan.base === undefined ? [] : [plan.base];
  const inSubvolume = attached.filesystem.snapshots === "subvolumes";
  const start = inSubvolume
    ? await explaining(() => startSubvolume(host, job, attached, { states, plan }, run), [])
    : undefined;
  const asUser = job.as;
  const begin = () => prepare(host, job, attached, { states, plan }, run);
  const { bases, isEmpty } = inSubvolume ? nothingPrepared : await explaining(begin, known);
  if (asUser !== undefined) await giveTo(host.exec, partial, asUser, signal);
  if (growth !== undefined) await requireRoom(host, job, attached, { partial, bases, growth });
  // serves listings alone, and does no harm without its snapshot
  const record = ({ stats: { files, bytes, bytesCopied }, warnings, incomplete }: Recorded) => {
    const figures = { files, bytes, bytesCopied, warnings, incomplete };
    const line = { snapshot: plan.name, run: run.runId, sources: [...job.sources], ...figures };
    return appendRecord(host.exec, attached.filesDir, job.name, line, signal);
  };
  // what there is already is looked through; of files, nothing is read
  const isBegun = inSubvolume || plan.interrupted.length > 0;
  const there = [...(isBegun ? [partial] : []), ...bases.map((base) => join(jobDir, base))];
  const warmed = { device: attached.device, starts: there.map((path) => Buffer.from(path)), files: false };
  const copying = () =>
    copyInto(host, job, attached, { partial, start, bases, isEmpty, linkable, record, states }, run);
  const [copied] = await allOrFirstError(
    explaining(() => withWarming(host, warmed, signal, copying).finally(() => states.idle()), bases),
    attached.recordGeneration(),
  );
  const { stats, incomplete, warnings } = copied;

  await run.step("seal", async () => {
    // the files first, then the name that says that they are all there
    if (!copied.isSealable) await allOrFirstError(record(copied), syncFilesystem(host.exec, partial, signal));
    if (inSubvolume) await setReadOnly(host.exec, partial, true, signal);
    const args = ["--no-target-directory", "--", copied.tree, join(jobDir, plan.name)];
    await mustRun(host.exec, { file: "mv", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
    await pointLatest(host.exec, jobDir, plan.name, signal);
    // umount reports no errors of the writes that it waits for; this does
    await syncFilesystem(host.exec, jobDir, signal);
  });
  const others = bases.filter((base) => base.endsWith(".partial"));
  if (copied.tree !== partial) others.push(basename(partial));
  for (const other of others) await attached.filesystem.remove(host.exec, join(jobDir, other), signal);
  if (job.keep?.afterBackup === true) await pruneAfterBackup(host, job, attached, run);

  const left = warnings === 0 ? "" : `, ${plural(warnings, "file")} left out`;
  return {
    state: incomplete ? "incomplete" : "done",
    snapshot: plan.name,
    summary: `snapshot ${plan.name}: ${plural(stats.files, "file")}, ${formatBytes(stats.bytes)}, of which ${plural(stats.filesCopied, "file")}, ${formatBytes(stats.bytesCopied)} new${left}`,
    totals: toTotals(stats),
  };
}

/** What is to be done, from what is in the job's directory and known to this machine. */
async function planned({ exec, clock, stateDir }: Host, job: SourcedJob, { entries, filesDir, signal }: Attached) {
  const states = await PartialStates.read({ exec, clock, stateDir, filesDir, signal }, job, entries);
  return { states, plan: planBackup(entries, clock.now(), (name) => states.workedMs(partialName(name))) };
}

/** What is written down of a snapshot. */
interface Recorded extends CopyResult {
  /** How many files were left out. */
  readonly warnings: number;
}

interface Destination {
  readonly partial: string;
  /** Of a subvolume. */
  readonly start: SubvolumeStart | undefined;
  readonly bases: readonly string[];
  readonly isEmpty: boolean;
  readonly linkable: boolean;
  readonly record: (recorded: Recorded) => Promise<void>;
  readonly states: PartialStates;
}

interface Copied extends Recorded {
  /** The directory that is to be the snapshot. */
  readonly tree: string;
  /** It is written down, and its content is on the backup host's disk. */
  readonly isSealable: boolean;
}

async function copyInto(
  host: Host,
  job: SourcedJob,
  attached: Attached,
  { partial, start, bases, isEmpty, linkable, record, states }: Destination,
  run: RunContext,
): Promise<Copied> {
  const { exec, clock } = host;
  const { signal } = attached;
  let warnings = 0;
  const onComplaint = (message: string, path: Buffer | undefined) => {
    warnings += 1;
    run.warn(message, path);
  };
  const selection = selectionArgs(job, host.runtimeDir);
  const onSettled = (beganMs: number) => states.settleSoon(basename(partial), beganMs);
  if (start !== undefined) {
    const result = await subvolumeCopy(host, { job, selection, partial, start, onComplaint, onSettled }, run, signal);
    return { ...result, warnings, tree: partial, isSealable: false };
  }
  if (isOfUser(job)) {
    const base = bases[0] === undefined ? undefined : join(dirname(partial), bases[0]);
    const apart = { job, selection, filesDir: attached.filesDir, partial, isEmpty, base, onComplaint, onSettled };
    const result = await assembledCopy(host, apart, run, signal);
    return { ...result, warnings, isSealable: false };
  }
  const args = [
    ...selection,
    ...deletingArgs,
    ...copyArgs(job),
    ...linkArgs(bases),
    "--",
    ...job.sources,
    `${partial}/`,
  ];
  const [base] = bases;
  if (linkable && base !== undefined && bases.length === 1) {
    const beside = (stats: CopyResult["stats"]) => record({ stats, warnings, incomplete: false });
    const spec = { job, selection, base: join(dirname(partial), base), partial, beside, onSettled };
    const result = await linkedCopy(host, spec, run, signal);
    if (result !== undefined) return { ...result, warnings, tree: partial, isSealable: true };
  }
  const result = await run.step("copy", async () => {
    const make = ["--parents", "--mode=0755", "--", dirname(partial), partial];
    await mustRun(exec, { file: "mkdir", args: make, brief: true, deadlineMs: volumeDeadlineMs, signal });
    const onProgress = copyProgress(clock, run, "copy");
    return withWriteBehind(
      host,
      attached.filesDir,
      signal,
      (onStart, inTime) =>
        copy(exec, { args, volume: job.volume, onProgress, onComplaint, onStart, keepsUnfinished: true }, inTime),
      onSettled,
    );
  });
  return { ...result, warnings, tree: partial, isSealable: false };
}

function isOfUser(job: SourcedJob): job is AssembledCopySpec["job"] {
  return job.as !== undefined;
}

/** @param bases as names beside the snapshot that is made */
function linkArgs(bases: readonly string[]): string[] {
  return bases.map((base) => `--link-dest=../${base}`);
}

/** How much more room this snapshot needs: what a copy would still have to transfer, less what is free. */
async function explainFull(
  host: Host,
  job: SourcedJob,
  attached: Attached,
  partial: string,
  bases: readonly string[],
  cause: LuksmithError,
): Promise<LuksmithError> {
  const [left, free] = await Promise.all([
    bytesLeft(host, job, attached, partial, bases),
    freeBytes(host.exec, attached.filesDir, attached.signal),
  ]);
  return isFull(job, missingBytes(left, free), cause);
}

/** Of a volume that grows by itself, before it is filled. Where there is a step's room that is not looked for: it costs a look at everything. */
async function requireRoom(
  host: Host,
  job: SourcedJob,
  attached: Attached,
  { partial, bases, growth }: { partial: string; bases: readonly string[]; growth: Growth },
): Promise<void> {
  const free = await freeBytes(host.exec, attached.filesDir, attached.signal);
  if (free >= growth.stepBytes) return;
  const left = await bytesLeft(host, job, attached, partial, bases);
  if (left > 0 && neededBytes(left) > free) throw isFull(job, missingBytes(left, free), undefined);
}

/** What a copy would still have to transfer. */
async function bytesLeft(
  host: Host,
  job: SourcedJob,
  { signal }: Attached,
  partial: string,
  bases: readonly string[],
): Promise<number> {
  const selection = selectionArgs(job, host.runtimeDir);
  const below = bases.map((base) => join(dirname(partial), base));
  // absolute: there may be no directory yet that they could be relative to
  const links = job.as === undefined ? below.map((base) => `--link-dest=${base}`) : [];
  const { stats } = await copyFromSource(
    host,
    job.as,
    {
      args: ["--dry-run", ...selection, ...links],
      sources: job.sources,
      into: partial,
      comparedWith: job.as === undefined ? [] : below,
      isDry: true,
      onComplaint: () => undefined,
    },
    signal,
  );
  return stats.bytesCopied;
}

function isFull(job: SourcedJob, missing: number, cause: unknown): VolumeFullError {
  const message = `volume ${job.volume} is full: about ${formatBytes(missing)} more are needed for this snapshot`;
  return new VolumeFullError(message, missing, {
    hint: `raise volumes.${job.volume}.size and type: luksmith volume resize ${job.volume} (the run then goes on where it was), or make room: luksmith prune ${job.name} --partial`,
    cause,
  });
}

/** What a backup would copy, compared with the newest snapshot; nothing is written, no hook runs. */
async function dryRun(
  host: Host,
  pins: PinStore,
  job: SourcedJob,
  target: Target,
  options: BackupOptions,
  run: RunContext,
): Promise<RunResult> {
  return withVolume(host, pins, target, attachOptions(host, job, options), run, async (attached) => {
    const { filesDir, entries, signal } = attached;
    const base = newestFinished(entries)?.name;
    const args = ["--dry-run", `--out-format=${itemFormat}`, ...selectionArgs(job, host.runtimeDir)];
    const onLine = (line: Buffer) => {
      const item = parseItem(line);
      const action = item && itemAction(item.changes);
      if (item && action !== undefined) run.item({ action, path: withoutSlash(item.path), size: item.size });
    };
    const onComplaint = (message: string, path: Buffer | undefined) => run.warn(message, path);
    // against an empty directory, and the snapshot to link from: just as the real run would
    const comparedWith = base === undefined ? [] : [join(filesDir, job.name, base)];
    const compare = { args, sources: job.sources, into: undefined, comparedWith, isDry: true };
    const starts = base === undefined ? [] : [Buffer.from(join(filesDir, job.name, base))];
    const warmed = { device: attached.device, starts, files: false };
    const result: CopyResult = await run.step("compare", () =>
      withWarming(host, warmed, signal, (onStart) =>
        copyFromSource(host, job.as, { ...compare, onStart, onLine, onComplaint }, signal),
      ),
    );
    const { stats, incomplete } = result;
    return {
      state: incomplete ? "incomplete" : "done",
      summary: `a backup would copy ${plural(stats.filesCopied, "file")}, ${formatBytes(stats.bytesCopied)}, of ${plural(stats.files, "file")}, ${formatBytes(stats.bytes)}`,
      totals: toTotals(stats),
    };
  });
}

function toTotals({ files, bytes, filesCopied, bytesCopied }: CopyResult["stats"]) {
  return { files, bytes, filesCopied, bytesCopied };
}

/** "/etc/hosts" as it stands in a snapshot: "etc/hosts". */
function withoutSlash(path: Buffer): Buffer {
  return path[0] === 0x2f ? path.subarray(1) : path;
}
