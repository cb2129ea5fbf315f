/** The snapshots in an attached volume. */

import { join } from "node:path";
import { Snapshot } from "../../proto/gen/luksmith/v1/types.ts";
import type { Host } from "../system/host.ts";
import { listDirectory } from "../tools/find.ts";
import { newestFinished, type SnapshotEntry, snapshotEntries } from "./entries.ts";
import { readPinned } from "./pinned.ts";
import { readRecords, type SnapshotRecord } from "./record.ts";

type Looking = Pick<Host, "exec" | "clock">;

/** What is in one job's directory, oldest first; empty when the job has none yet. */
export async function readJobDirectory(
  { exec, clock }: Looking,
  filesDir: string,
  job: string,
  signal: AbortSignal,
): Promise<SnapshotEntry[]> {
  return snapshotEntries((await listDirectory(exec, join(filesDir, job), signal)) ?? [], clock.now());
}

export async function listSnapshots(
  host: Looking,
  filesDir: string,
  jobs: readonly string[],
  signal: AbortSignal,
): Promise<Snapshot[]> {
  const perJob = await Promise.all(
    jobs.map(async (job) => {
      const [entries, records, pinned] = await Promise.all([
        readJobDirectory(host, filesDir, job, signal),
        readRecords(host.exec, filesDir, job, signal),
        readPinned(host.exec, filesDir, job, signal),
      ]);
      return describeSnapshots(job, entries, records, pinned);
    }),
  );
  return perJob.flat();
}

/** Pure: the entries with what is recorded of them. */
export function describeSnapshots(
  job: string,
  entries: readonly SnapshotEntry[],
  records: ReadonlyMap<string, SnapshotRecord>,
  pinned: ReadonlyMap<string, string> = new Map(),
): Snapshot[] {
  const newest = newestFinished(entries)?.name;
  return entries.map(({ name, time, partial }) => {
    const record = partial ? undefined : records.get(name);
    return Snapshot.create({
      job,
      name,
      time,
      partial,
      latest: !partial && name === newest,
      incomplete: record?.incomplete ?? false,
      files: record?.files ?? 0,
      bytes: record?.bytes ?? 0,
      bytesCopied: record?.bytesCopied ?? 0,
      warnings: record?.warnings ?? 0,
      runId: record?.run ?? "",
      pinned: !partial && pinned.has(name),
      note: (partial ? undefined : pinned.get(name)) ?? "",
    });
  });
}
