/** A random sample of a snapshot: compared with the machine's own files, and read back whole where those have changed since. */

import { join } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { formatBytes, formatCount, plural } from "../../common/units.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import type { SourcedJob } from "../backup/sourced-job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { ProgressMeter } from "../runs/progress-meter.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { listFiles } from "../tools/find.ts";
import { type Unreadable, unreadableOf } from "../tools/read-whole.ts";
import { noticeLoss } from "../transport/transport.ts";
import type { PinStore } from "../volume/pin.ts";
import { withWarming } from "../warm/warming.ts";
import { compareWithSource, inShards } from "./against-source.ts";
import { newSeed, type Sample, type SampleFile, Sampler } from "./sample.ts";

const defaultSampleBytes = 2 ** 30;

export interface SampleOptions {
  /** Of all files together; 0: as much as is usual. */
  readonly sampleBytes: number;
  /** Empty: another one each time. */
  readonly seed: string;
}

export interface SpotOptions extends SampleOptions {
  readonly snapshot: string;
  readonly acceptRollback: boolean;
}

const longestSeed = 64;

/** @throws {LuksmithError} "usage" */
export function requireSampleOptions({ seed }: SampleOptions): void {
  if (seed.length <= longestSeed && !/\p{Cc}/u.test(seed)) return;
  throw new LuksmithError("usage", `a seed is one line of at most ${longestSeed} characters`);
}

/** Looks through the whole snapshot for it; of files, nothing is read. */
export async function chooseSample(
  host: Host,
  { directory, device }: { directory: string; device: string },
  { sampleBytes, seed }: SampleOptions,
  signal: AbortSignal,
): Promise<Sample> {
  const sampler = new Sampler(seed, sampleBytes || defaultSampleBytes);
  const warmed = { device, starts: [Buffer.from(directory)], files: false };
  await withWarming(host, warmed, signal, () => listFiles(host.exec, directory, (file) => sampler.add(file), signal));
  return sampler.sample();
}

export function noteSample({ tooLarge, of }: Sample, run: RunContext): void {
  if (tooLarge === 0) return;
  run.note(
    `${plural(tooLarge, "file")} of ${formatCount(of.files)} cannot be in the sample, being larger than all of it: --sample SIZE makes it larger`,
  );
}

/** "1,204 of 12,345 files, 1.00 GiB of 20.3 GiB" */
export function sampleText({ size, of }: Sample): string {
  return `${formatCount(size.files)} of ${plural(of.files, "file")}, ${formatBytes(size.bytes)} of ${formatBytes(of.bytes)}`;
}

/** @throws {LuksmithError} "tampered" when a file that has not been touched has another content, or one cannot be read */
export async function verifySpot(
  host: Host,
  pins: PinStore,
  job: SourcedJob,
  target: Target,
  options: SpotOptions,
  run: RunContext,
): Promise<RunResult> {
  const attach = { mode: "read", acceptRollback: options.acceptRollback, job: job.name } as const;
  const seed = options.seed || newSeed();
  return withVolume(host, pins, target, attach, run, async (attached) => {
    const snapshot = selectSnapshot(attached.entries, job.name, options.snapshot);
    const directory = join(attached.filesDir, job.name, snapshot.name);
    const place = { directory, device: attached.device };
    const sample = await run.step("choose", () => chooseSample(host, place, { ...options, seed }, attached.signal));
    noteSample(sample, run);
    const progress = sampleProgress(host, "compare", sample, run);
    const { equal, differing, changed } = await run.step("compare", () =>
      compareWithSource(
        host,
        { below: directory, files: sample.files, volume: job.volume, as: job.as },
        ({ bytes }) => progress(1, bytes),
        attached.signal,
      ),
    );
    const unreadable = await run.step("read back", () => readBack(host, directory, changed, attached.signal));
    await requireSound(host, attached, { differing, unreadable }, run);
    return {
      state: "done",
      snapshot: snapshot.name,
      summary: `spot check of snapshot ${snapshot.name}, ${sampleText(sample)}: ${formatCount(equal.length)} equal, ${formatCount(changed.length)} changed or gone since and read back whole (seed ${seed})`,
      totals: {
        ...sample.size,
        filesEqual: equal.length,
        filesDiffering: differing.length,
        filesChangedSince: changed.length,
      },
    };
  });
}

/** @returns takes what has been done since it was called last, by whichever of those who work on the sample */
export function sampleProgress(
  { clock }: Host,
  step: string,
  { size }: Sample,
  run: RunContext,
): (files: number, bytes: number) => void {
  const meter = new ProgressMeter(step);
  let filesDone = 0;
  let bytesDone = 0;
  return (files, bytes) => {
    filesDone += files;
    bytesDone += bytes;
    const atMs = clock.monotonicMs();
    run.progress(meter.update({ atMs, bytesDone, bytesTotal: size.bytes, filesDone, filesTotal: size.files }));
  };
}

async function readBack(host: Host, cwd: string, files: readonly SampleFile[], signal: AbortSignal) {
  const shards = inShards(files.map(({ path }) => path));
  return (await allOrFirstError(...shards.map((paths) => unreadableOf(host.exec, { cwd, paths }, signal)))).flat();
}

/** What is wrong is an item and a warning each, and the run's end. */
export async function requireSound(
  host: Host,
  { lost }: Pick<Attached, "lost">,
  { differing, unreadable }: { differing: readonly SampleFile[]; unreadable: readonly Unreadable[] },
  run: RunContext,
): Promise<void> {
  const count = differing.length + unreadable.length;
  if (count === 0) return;
  // what cannot be read since the host is gone has no other content
  if (await noticeLoss(host.clock, lost)) throw lost.reason;
  for (const { path, bytes } of differing) {
    run.item({ action: Item_Action.DIFFERS, path, size: bytes });
    run.warn("its content in the snapshot is not what it was backed up from", path);
  }
  for (const { path, why } of unreadable) {
    run.item({ action: Item_Action.DIFFERS, path, size: 0 });
    run.warn(`it cannot be read from the snapshot: ${why}`, path);
  }
  throw new LuksmithError(
    "tampered",
    `${plural(count, "file")} of the sample ${count === 1 ? "is" : "are"} not as backed up`,
    {
      hint: "the backup host, its disk or this machine's has altered data; luksmith verify without --spot looks at all files",
    },
  );
}
