/**
 * A restore drill: a part of a snapshot is brought back to a scratch directory and compared with the machine's own files, so that it is
 * known before the day it matters that it can be done, and how long everything would take.
 */

import { join } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Command } from "../../common/exec.ts";
import { showName } from "../../common/file-name.ts";
import { formatBytes, formatCount, formatDuration, plural } from "../../common/units.ts";
import { type FileEntry, FileEntry_Type } from "../../proto/gen/luksmith/v1/types.ts";
import { freeBytes } from "../backup/room.ts";
import type { SourcedJob } from "../backup/sourced-job.ts";
import { typeAt } from "../look/at-path.ts";
import { snapshotPath } from "../restore/paths.ts";
import { filesFrom } from "../restore/plan.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { readRecords } from "../snapshots/record.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { walk } from "../tools/find.ts";
import { giveTo } from "../tools/give.ts";
import { archiveArgs, copy } from "../tools/rsync.ts";
import { noticeLoss } from "../transport/transport.ts";
import { compareWithSource, inShards } from "../verify/against-source.ts";
import { newSeed, type Sample, type SampleFile } from "../verify/sample.ts";
import {
  chooseSample,
  noteSample,
  requireSound,
  type SampleOptions,
  sampleProgress,
  sampleText,
} from "../verify/spot.ts";
import type { PinStore } from "../volume/pin.ts";
import { projectMs } from "./projection.ts";
import { withScratch } from "./scratch.ts";

export interface DrillOptions extends SampleOptions {
  readonly snapshot: string;
  /** As typed; empty for a random sample of everything. */
  readonly path: Uint8Array;
  /** An existing directory; undefined for the state directory. */
  readonly scratch: string | undefined;
  readonly acceptRollback: boolean;
}

/** Beside the files themselves: their ends, directories, inodes; and nobody's last byte is to be taken. */
const roomFactor = 1.1;
/** Their names are all held. */
const mostNamed = 100_000;
const roomBytes = 64 * 2 ** 20;

/** @throws {LuksmithError} "full" when there is no room for it, before anything is written; "tampered" for files that differ */
export async function drill(
  host: Host,
  pins: PinStore,
  job: SourcedJob,
  target: Target,
  options: DrillOptions,
  run: RunContext,
): Promise<RunResult> {
  const attach = { mode: "read", acceptRollback: options.acceptRollback, job: job.name } as const;
  const seed = options.seed || newSeed();
  return withVolume(host, pins, target, attach, run, async (attached) => {
    const { filesDir, entries, signal } = attached;
    const snapshot = selectSnapshot(entries, job.name, options.snapshot);
    const directory = join(filesDir, job.name, snapshot.name);
    const sample = await run.step("choose", () =>
      options.path.length === 0
        ? chooseSample(host, { directory, device: attached.device }, { ...options, seed }, signal)
        : namedPart(host, job, attached, { directory, snapshot: snapshot.name, path: options.path }),
    );
    noteSample(sample, run);
    if (sample.size.files === 0) throw nothingToRestore(snapshot.name);
    await requireRoom(host, options.scratch, sample, signal);
    return withScratch(host, options.scratch, signal, async (scratch) => {
      const beganMs = host.clock.monotonicMs();
      await run.step("restore", () => restoreTo(host, scratch, directory, sample, attached, run));
      const tookMs = host.clock.monotonicMs() - beganMs;
      // nothing is written there any more
      if (job.as !== undefined) await giveTo(host.exec, scratch, job.as, signal);
      const restored = { below: scratch, files: sample.files, as: job.as };
      const progress = sampleProgress(host, "compare", sample, run);
      const { equal, differing, changed } = await run.step("compare", () =>
        compareWithSource(host, restored, ({ bytes }) => progress(1, bytes), signal),
      );
      await requireSound(host, attached, { differing, unreadable: [] }, run);
      const projected = projectMs(tookMs, sample.size, sample.of);
      const everything = projected === undefined ? "" : `; everything would take about ${formatDuration(projected)}`;
      const chosen = options.path.length === 0 ? ` (seed ${seed})` : "";
      return {
        state: "done",
        snapshot: snapshot.name,
        summary: `restored ${sampleText(sample)}, of snapshot ${snapshot.name} in ${formatDuration(tookMs)}: ${formatCount(equal.length)} equal, ${formatCount(changed.length)} changed or gone since${everything}${chosen}`,
        totals: {
          ...sample.size,
          filesCopied: sample.size.files,
          bytesCopied: sample.size.bytes,
          filesEqual: equal.length,
          filesDiffering: differing.length,
          filesChangedSince: changed.length,
          copyMs: Math.round(tookMs),
          projectedMs: projected ?? 0,
        },
      };
    });
  });
}

/** All regular files at and below a path; how much there is in all, by what was written down of the snapshot. */
async function namedPart(
  host: Host,
  job: SourcedJob,
  { filesDir, signal, lost }: Attached,
  { directory, snapshot, path }: { directory: string; snapshot: string; path: Uint8Array },
): Promise<Sample> {
  const { exec } = host;
  const wanted = snapshotPath(path);
  if ((await typeAt(exec, { cwd: directory, path: wanted, as: asRoot }, signal)) === undefined) {
    throw new LuksmithError("not_found", `not in the snapshot: ${showName(path)}`, {
      hint: "luksmith ls shows what is",
    });
  }
  const files: SampleFile[] = [];
  const take = ({ type, path: found, size: bytes }: FileEntry) => {
    if (type !== FileEntry_Type.FILE) return;
    if (files.length === mostNamed) throw tooMany(path);
    files.push({ path: Buffer.from(found), bytes });
  };
  const { incomplete } = await walk(exec, { cwd: directory, path: wanted, recursive: true, as: asRoot }, take, signal);
  if (incomplete) {
    if (await noticeLoss(host.clock, lost)) throw lost.reason;
    throw new LuksmithError("tampered", `not all can be read from the snapshot: ${showName(path)}`, {
      hint: "luksmith verify finds out what is damaged",
    });
  }
  const size = { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
  const recorded = (await readRecords(exec, filesDir, job.name, signal)).get(snapshot);
  return { files, size, of: recorded ?? size, tooLarge: 0 };
}

function tooMany(path: Uint8Array): LuksmithError {
  return new LuksmithError("usage", `there are more than ${formatCount(mostNamed)} files there: ${showName(path)}`, {
    hint: "a directory with less in it, or, without a path, a random sample of everything",
  });
}

const asRoot: Command["as"] = undefined;

async function requireRoom(
  host: Host,
  scratch: string | undefined,
  { size }: Sample,
  signal: AbortSignal,
): Promise<void> {
  const where = scratch ?? host.stateDir;
  const free = await freeBytes(host.exec, where, signal);
  const needed = Math.ceil(size.bytes * roomFactor) + roomBytes;
  if (free >= needed) return;
  throw new LuksmithError(
    "full",
    `there is no room for the drill in ${where}: it needs ${formatBytes(needed)}, and ${formatBytes(free)} are free`,
    { hint: "--scratch DIR names another place, --sample SIZE takes less" },
  );
}

async function restoreTo(
  host: Host,
  scratch: string,
  directory: string,
  sample: Sample,
  { signal, lost }: Attached,
  run: RunContext,
): Promise<void> {
  const unreadable: { path: Buffer; why: string }[] = [];
  let unkept: string | undefined;
  const { files, size } = sample;
  const progress = sampleProgress(host, "restore", sample, run);
  // nothing reads ahead of files that are spread over a snapshot; so several are read at a time
  const copies = inShards(files.map(({ path }) => path)).map((paths) => {
    let before = { filesDone: 0, bytesDone: 0 };
    return copy(
      host.exec,
      {
        args: [...archiveArgs, "--from0", "--files-from=-", "--", "./", `${scratch}/`],
        cwd: directory,
        stdin: filesFrom({ below: Buffer.alloc(0), paths }),
        onProgress: (figures) => {
          progress(figures.filesDone - before.filesDone, figures.bytesDone - before.bytesDone);
          before = figures;
        },
        onComplaint: (why, path, side) => {
          if (side === "destination") unkept ??= path === undefined ? why : `${showName(path)} ${why}`;
          else if (path !== undefined) unreadable.push({ path, why });
        },
      },
      signal,
    );
  });
  const incomplete = (await allOrFirstError(...copies)).some((copied) => copied.incomplete);
  await requireSound(host, { lost }, { differing: [], unreadable }, run);
  if (!incomplete) return;
  if (await noticeLoss(host.clock, lost)) throw lost.reason;
  if (unkept !== undefined) {
    // of the snapshot it says nothing
    throw new LuksmithError("tool_failed", `the scratch directory does not take what is restored: ${unkept}`, {
      hint: "--scratch DIR on a file system like that of the sources",
    });
  }
  throw new LuksmithError("tampered", `not all of ${plural(size.files, "file")} could be restored`, {
    hint: "the run's warnings say which, and luksmith verify finds out about the others",
  });
}

function nothingToRestore(snapshot: string): LuksmithError {
  return new LuksmithError("not_found", `there is no file in snapshot ${snapshot} that the drill could restore`, {
    hint: "a larger sample (--sample SIZE), or another path",
  });
}
