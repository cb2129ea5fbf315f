/**
 * The snapshots of a job that somebody wants kept, in /.luksmith/pinned/JOB.json: in the volume, so that they stay when the machine is
 * lost, and for whoever attaches it next. Unlike the figures of a snapshot these must not be passed over: what cannot be read keeps
 * everything.
 */

import { join } from "node:path";
import * as z from "zod";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import { parseJson } from "../../common/parse-json.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { replaceFile } from "../tools/replace-file.ts";
import { ownDirectory } from "../volume/identity.ts";

export const longestNote = 200;

const fileSchema = z.strictObject({
  format: z.literal(1),
  /** By the snapshot's name: why, in words, or nothing. */
  pinned: z.record(z.string(), z.string().max(longestNote)),
});

function pinnedFile(filesDir: string, job: string): string {
  return join(ownDirectory(filesDir), "pinned", `${job}.json`);
}

/**
 * @returns by snapshot name, why; empty when there is no such file
 * @throws {LuksmithError} "tool_failed" when it is there and cannot be read, or not be understood
 */
export async function readPinned(
  exec: Exec,
  filesDir: string,
  job: string,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const path = pinnedFile(filesDir, job);
  const read = await exec({ file: "cat", args: ["--", path], brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (read.exitCode !== 0 && read.stderr.endsWith("No such file or directory")) return new Map();
  const parsed = read.exitCode === 0 ? fileSchema.safeParse(parseJson(read.stdout.toString())) : undefined;
  if (parsed?.success) return new Map(Object.entries(parsed.data.pinned));
  const why = read.exitCode === 0 ? "it is damaged" : lastWords(read);
  throw new LuksmithError("tool_failed", `which snapshots of job ${job} are pinned cannot be read: ${why}`, {
    hint: `look at .luksmith/pinned/${job}.json in the volume; without it nothing is pinned`,
    cause: read,
  });
}

/** Whole or not at all, also when it is cut short; durable with the file system's next sync. */
export async function writePinned(
  exec: Exec,
  filesDir: string,
  job: string,
  pinned: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const text = JSON.stringify(fileSchema.parse({ format: 1, pinned: Object.fromEntries(pinned) }), null, 2);
  await replaceFile(exec, pinnedFile(filesDir, job), `${text}\n`, signal);
}
