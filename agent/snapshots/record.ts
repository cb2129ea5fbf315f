/**
 * What was known when a snapshot was made, one JSON line each in /.luksmith/snapshots/JOB.jsonl. It serves listings;
 * the snapshot itself is whole without it.
 */

import { join } from "node:path";
import * as z from "zod";
import { type Exec, mustRun } from "../../common/exec.ts";
import { parseJson } from "../../common/parse-json.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { replaceFile } from "../tools/replace-file.ts";
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
    const parsed = recordSchema.safeParse(parseJson(line));
    return parsed.success ? [parsed.data] : [];
  });
  return new Map(records.map((record) => [record.snapshot, record]));
}

export async function readRecords(exec: Exec, filesDir: string, job: string, signal: AbortSignal) {
  return parseRecords((await readText(exec, filesDir, job, signal)) ?? "");
}

async function readText(exec: Exec, filesDir: string, job: string, signal: AbortSignal): Promise<string | undefined> {
  const args = ["--", recordFile(filesDir, job)];
  const { exitCode, stdout } = await exec({ file: "cat", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  return exitCode === 0 ? stdout.toString() : undefined;
}

/** What is written down of snapshots that are removed; otherwise it would only ever grow. */
export async function dropRecords(
  exec: Exec,
  filesDir: string,
  job: string,
  removed: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const text = await readText(exec, filesDir, job, signal);
  const rest = text === undefined ? undefined : withoutRecords(text, removed);
  if (rest !== undefined && rest !== text) await replaceFile(exec, recordFile(filesDir, job), rest, signal);
}

/** Pure. Of lines that cannot be understood only the empty ones go. */
export function withoutRecords(text: string, removed: ReadonlySet<string>): string {
  const lines = text.split("\n").filter((line) => {
    const parsed = recordSchema.safeParse(parseJson(line));
    return line !== "" && !(parsed.success && removed.has(parsed.data.snapshot));
  });
  return lines.map((line) => `${line}\n`).join("");
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
