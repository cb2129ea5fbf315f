/**
 * Getting an interrupted snapshot ready to be gone on with. What is in it is found by name, size and time, as by rsync
 * always; after a connection or a machine that broke off, two kinds of files need more than that.
 *
 * A sparse file may have its size and time although some of it never left the machine: a hole at its end is made by setting
 * the size, which the journal may have before the data. It is removed. Of any other file ext4 tells no larger size than what
 * has arrived (data=ordered, and dioread_lock: Documentation/admin-guide/ext4.rst), so that one cut short shows it.
 *
 * A large file that was cut short is moved to where it belongs in the new snapshot. There rsync compares what it has with the
 * machine's, and writes what it lacks (--inplace, --no-whole-file; --append-verify takes every sparse file for damaged).
 */

import { dirname, join } from "node:path";
import { type Exec, mustRun } from "../../common/exec.ts";
import { utf8Name } from "../../common/file-name.ts";
import { plural } from "../../common/units.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext } from "../runs/context.ts";
import type { Host } from "../system/host.ts";
import { fileSizes, listFiles } from "../tools/find.ts";
import { removeTrees } from "../tools/remove-tree.ts";
import { copy } from "../tools/rsync.ts";
import { copyProgress } from "./copy-progress.ts";
import { copyArgs, ownMountsArgs, selectionArgs } from "./selection.ts";
import { type Beginning, intendedPath, isSparse, largeBytes, unfinished } from "./unfinished.ts";
import { withWriteBehind } from "./write-behind.ts";

const fileDeadlineMs = 120_000;
const removeDeadlineMs = 6 * 3_600_000;

/**
 * @param interrupted directories in the volume
 * @param into the new snapshot's; may be one of them
 */
export async function takeOver(
  host: Host,
  job: JobConfig,
  { interrupted, into }: { interrupted: readonly string[]; into: string },
  run: RunContext,
  signal: AbortSignal,
): Promise<void> {
  const { exec } = host;
  const beginnings: Beginning[] = [];
  for (const snapshot of interrupted) beginnings.push(...(await weed(exec, snapshot, signal)));
  const sizes = await fileSizes(exec, "/", [...new Set(beginnings.map(({ path }) => path))], signal);
  const files = unfinished(beginnings, sizes);
  if (files.length === 0) return;
  run.note(`going on within ${plural(files.length, "large file")}`);
  for (const { snapshot, at, path } of files) await move(exec, join(snapshot, at), join(into, path), signal);
  const args = [
    ...selectionArgs(job),
    ...ownMountsArgs(host.runtimeDir),
    ...copyArgs(job),
    ...["--inplace", "--no-whole-file", "--from0", "--files-from=-", "--", "/", `${into}/`],
  ];
  const stdin = Buffer.from(files.map(({ path }) => `${path}\0`).join(""));
  const onProgress = copyProgress(host.clock, run, "go on");
  // what cannot be read is met, and said, again by the copy that follows
  const spec = { args, stdin, volume: job.volume, onProgress, onComplaint: () => undefined };
  await run.step("go on", () =>
    withWriteBehind(host, into, signal, (onStart, inTime) => copy(exec, { ...spec, onStart }, inTime)),
  );
}

/** Removes what cannot be trusted. @returns the large files that no finished snapshot shares */
async function weed(exec: Exec, snapshot: string, signal: AbortSignal): Promise<Beginning[]> {
  const doubtful: Buffer[] = [];
  const beginnings: Beginning[] = [];
  await listFiles(
    exec,
    snapshot,
    (file) => {
      if (isSparse(file)) {
        doubtful.push(Buffer.from(`${snapshot}/`), file.path, Buffer.from("\0"));
        return;
      }
      const at = file.links === 1 && file.bytes >= largeBytes ? utf8Name(file.path) : undefined;
      if (at !== undefined) beginnings.push({ snapshot, at, path: intendedPath(at), bytes: file.bytes });
    },
    signal,
  );
  if (doubtful.length > 0) await removeTrees(exec, Buffer.concat(doubtful), removeDeadlineMs, signal);
  return beginnings;
}

async function move(exec: Exec, from: string, to: string, signal: AbortSignal): Promise<void> {
  if (from === to) return;
  const operate = (file: string, args: string[]) =>
    mustRun(exec, { file, args, brief: true, deadlineMs: fileDeadlineMs, signal });
  await operate("mkdir", ["--parents", "--", dirname(to)]);
  await operate("mv", ["--no-target-directory", "--", from, to]);
}
