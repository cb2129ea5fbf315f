/**
 * What was known when a snapshot was made, one JSON line each in /.luksmith/snapshots/JOB.jsonl. It serves listings;
 * the snapshot itself is whole without it.
 */

import { join } from "node:path";
import * as z from "zod";
import { type Exec, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { ownDirectory } from "../volume/identity.ts";

const count = z.int().nonnegative();

const recordSchema = z.object({
  snapshot: z.string(),
  run: z.string(),
  files: count,
  bytes: count,
  bytesCopied: count,
  warnings: count,
  incomplete: z.boolean(),
  sources: z.array(z.string()),
});

export type SnapshotRecord = z.infer<typeof recordSchema>;

function directory(filesDir: string): string {
  return join(ownDirectory(filesDir), "snapshots");
}

function recordFile(filesDir: string, job: string): string {
  return join(directory(filesDir), `${job}.jsonl`);
}

/** By snapshot name; a later line wins. What cannot be understood is passed over: it serves listings alone. */
export function parseRecords(text: string): Map<string, SnapshotRecord> {
  const records = text.split("\n").flatMap((line) => {
    try {
      const parsed = recordSchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
  return new Map(records.map((record) => [record.snapshot, record]));
}

export async function readRecords(exec: Exec, filesDir: string, job: string, signal: AbortSignal) {
  const args = ["--", recordFile(filesDir, job)];
  const { exitCode, stdout } = await exec({ file: "cat", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  return exitCode === 0 ? parseRecords(stdout.toString()) : new Map<string, SnapshotRecord>();
}

export async function appendRecord(
  exec: Exec,
  filesDir: string,
  job: string,
  record: SnapshotRecord,
  signal: AbortSignal,
) {
  const append = {
    file: "dd",
    args: [`of=${recordFile(filesDir, job)}`, "oflag=append", "conv=notrunc", "status=none"],
    stdin: `${JSON.stringify(record)}\n`,
    brief: true,
    deadlineMs: volumeDeadlineMs,
    signal,
  };
  if ((await exec(append)).exitCode === 0) return;
  // the first of all
  const makeDirectory = ["--parents", "--mode=0700", "--", directory(filesDir)];
  await mustRun(exec, { file: "mkdir", args: makeDirectory, brief: true, deadlineMs: volumeDeadlineMs, signal });
  await mustRun(exec, append);
}
