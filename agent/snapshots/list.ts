/** The snapshots in an attached volume. */

import { join } from "node:path";
import type { Exec } from "../../common/exec.ts";
import { Snapshot } from "../../proto/gen/luksmith/v1/types.ts";
import { listDirectory } from "../tools/find.ts";
import { parseSnapshotName } from "./name.ts";
import { readPinned } from "./pinned.ts";
import { readRecords, type SnapshotRecord } from "./record.ts";
import type { SnapshotEntry } from "./select.ts";

/** What is in one job's directory, oldest first; empty when the job has none yet. */
export async function readJobDirectory(
  exec: Exec,
  filesDir: string,
  job: string,
  signal: AbortSignal,
): Promise<SnapshotEntry[]> {
  const entries = (await listDirectory(exec, join(filesDir, job), signal)) ?? [];
  return entries
    .flatMap(({ type, name }) => (type === "d" ? (parseSnapshotName(name) ?? []) : []))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function listSnapshots(
  exec: Exec,
  filesDir: string,
  jobs: readonly string[],
  signal: AbortSignal,
): Promise<Snapshot[]> {
  const perJob = await Promise.all(
    jobs.map(async (job) => {
      const [entries, records, pinned] = await Promise.all([
        readJobDirectory(exec, filesDir, job, signal),
        readRecords(exec, filesDir, job, signal),
        readPinned(exec, filesDir, job, signal),
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
  const newest = entries.findLast((entry) => !entry.partial)?.name;
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
