/** What a snapshot and its record tell of the backup that made them. Pure. */

import { toErrorDetail } from "../../common/error-wire.ts";
import { formatBytes, plural } from "../../common/units.ts";
import { type Run, RunEvent, RunState, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { EventKind } from "../runs/event-record.ts";
import { isRunId, timeOfRunId } from "../runs/run-id.ts";
import { outcomeOfResult } from "../runs/run-outcome.ts";
import type { PastRun } from "../runs/run-store.ts";
import type { SnapshotEntry } from "../snapshots/entries.ts";
import type { SnapshotRecord } from "../snapshots/record.ts";

const mostBehindMs = 20 * 365 * 86_400_000;

/** Who had asked for it is written nowhere. */
const unknownCaller = { uid: 0, name: "" };

/** @returns undefined when the record names no run, or one of a distant future: the ids of all later runs would follow it */
export function pastBackup(
  { volume, job, now }: { volume: string; job: string; now: Date },
  entry: SnapshotEntry,
  record: SnapshotRecord | undefined,
): PastRun | undefined {
  if (entry.partial || record === undefined || !isRunId(record.run)) return undefined;
  const startedAt = timeOfRunId(record.run);
  // a machine without a battery for its clock may be behind for a while
  if (startedAt.getTime() > now.getTime() + mostBehindMs) return undefined;
  const { files, bytes, bytesCopied, warnings } = record;
  const { error, ...outcome } = outcomeOfResult(
    record.run,
    {
      state: record.incomplete ? "incomplete" : "done",
      snapshot: entry.name,
      summary: `snapshot ${entry.name}: ${plural(files, "file")}, ${formatBytes(bytes)}, of which ${formatBytes(bytesCopied)} new`,
      totals: { files, bytes, bytesCopied },
    },
    { all: warnings, files: warnings },
  );
  const begun: Run = {
    id: record.run,
    verb: Verb.BACKUP,
    volume,
    job,
    dryRun: false,
    caller: unknownCaller,
    startedAt,
    finishedAt: undefined,
    retry: undefined,
    ...{ state: RunState.RUNNING, snapshot: "", summary: "", error: undefined, totals: undefined },
  };
  // when it was over is written nowhere; the snapshot is named by when its copying began
  const finishedAt = new Date(Math.max(entry.time.getTime(), startedAt.getTime()));
  const run: Run = { ...begun, ...outcome, finishedAt, error: error && toErrorDetail(error) };
  const note = "the log of this run was lost with the history of runs; what is known of it stands beside its snapshot";
  const kinds: [Date, EventKind][] = [
    [startedAt, { $case: "started", value: { run: begun } }],
    [finishedAt, { $case: "note", value: { message: note } }],
    [finishedAt, { $case: "ended", value: { run } }],
  ];
  const events = kinds.map(([time, kind], index) => {
    const event: RunEvent = { seq: index + 1, time, kind };
    return { seq: event.seq, bytes: RunEvent.encode(event).finish() };
  });
  return { run, events };
}
