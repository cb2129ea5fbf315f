/**
 * Getting interrupted snapshots ready to be gone on with. What is in them is found by name, size and time, as by rsync always;
 * which is not enough for what had not certainly reached the backup host's disk when the connection or the machine broke off:
 * see unfinished.ts. A large file of that kind is moved to where it belongs in the new snapshot, whole or not. There rsync
 * compares it with the machine's, and writes what it lacks (--inplace, --no-whole-file, --ignore-times; --append-verify takes
 * every sparse file for damaged). A small one is removed.
 */

import { dirname, join } from "node:path";
import { type Exec, mustRun } from "../../common/exec.ts";
import { utf8Name } from "../../common/file-name.ts";
import { plural } from "../../common/units.ts";
import type { RunContext } from "../runs/context.ts";
import type { LandingHost } from "../stack/landing.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { filesThere, listFiles } from "../tools/find.ts";
import { nullTerminated } from "../tools/null-terminated.ts";
import { removeTrees } from "../tools/remove-tree.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { copyProgress } from "./copy-progress.ts";
import type { PartialState, PartialStates } from "./partial-states.ts";
import { copyArgs, selectionArgs } from "./selection.ts";
import { copyFromSource } from "./source-copy.ts";
import type { SourcedJob } from "./sourced-job.ts";
import { type Beginning, intendedPath, isDoubtful, isWorthComparing, longest } from "./unfinished.ts";
import { withWriteBehind } from "./write-behind.ts";

/** What a copy needs of its run. */
type CopyRun = Pick<RunContext, "step" | "note" | "progress">;

/** Names of directories in the job's directory, all of them known to `states`. */
export interface TakeOver {
  readonly jobDir: string;
  readonly interrupted: readonly string[];
  /** The new snapshot's; may be one of them. */
  readonly into: string;
  readonly states: PartialStates;
}

/** @param name of the interrupted snapshot @param isSame it is of the same selection */
export function noteGoingOn(run: Pick<CopyRun, "note">, name: string, isSame: boolean): void {
  run.note(
    isSame
      ? `going on with the interrupted snapshot ${name}`
      : `the interrupted snapshot ${name} was of other sources: its files are used where they fit`,
  );
}

/** Afterwards all that is left in them can be relied on, and `states` says so. */
export async function takeOver(
  host: LandingHost,
  job: SourcedJob,
  { jobDir, interrupted, into, states }: TakeOver,
  run: CopyRun,
  signal: AbortSignal,
): Promise<void> {
  const { exec, clock } = host;
  const doubtful: Buffer[] = [];
  const beginnings: Beginning[] = [];
  for (const name of interrupted) {
    const state = states.of(name);
    if (state === undefined || state.isClosed) continue;
    const found = await look(exec, join(jobDir, name), { state, nowMs: clock.now().getTime() }, signal);
    doubtful.push(...found.doubtful);
    // what is in one of another selection may not belong into the new one
    if (states.isOfSameSelection(name)) beginnings.push(...found.beginnings);
  }
  const target = join(jobDir, into);
  const goOn = await goOnWith(exec, job, beginnings, signal);
  const places = goOn.map(({ snapshot, at, path }) => ({ from: join(snapshot, at), to: join(target, path) }));
  const spared = new Set(places.map(({ from }) => from));
  const removed = doubtful.filter((path) => !spared.has(path.toString()));
  await removeAll(exec, removed, signal);
  const moved = places.filter(({ from, to }) => from !== to);
  for (const { from, to } of moved) await move(exec, from, to, signal);
  // where something whole was in its place
  const left = moved.map(({ from }) => Buffer.from(from));
  await removeAll(exec, left, signal);
  if (goOn.length > 0) await complete(host, job, { target, paths: goOn.map(({ path }) => path) }, run, signal);
  const settledMs = clock.now().getTime();
  await syncFilesystem(exec, jobDir, signal);
  await states.settle(into, settledMs);
  await states.close(interrupted.filter((name) => name !== into));
}

/** Compares each with the machine's file of that name, and completes it. */
async function complete(
  host: LandingHost,
  job: SourcedJob,
  { target, paths }: { target: string; paths: readonly string[] },
  run: CopyRun,
  signal: AbortSignal,
): Promise<void> {
  const { exec, clock, runtimeDir } = host;
  run.note(`going on within ${plural(paths.length, "file")}`);
  const args = [
    ...selectionArgs(job, runtimeDir),
    ...copyArgs(job),
    ...["--inplace", "--no-whole-file", "--ignore-times", "--from0", "--files-from=-"],
  ];
  const stdin = Buffer.from(paths.map((path) => `${path}\0`).join(""));
  const onProgress = copyProgress(clock, run, "go on");
  // what cannot be read is met, and said, again by the copy that follows
  const names = new Map(paths.flatMap((path) => [join("/", path), join(target, path)].map((name) => [name, path])));
  const complained = new Set<string>();
  let isExplained = true;
  const onComplaint = (_message: string, name: Buffer | undefined) => {
    const path = name && names.get(utf8Name(name) ?? "");
    if (path === undefined) isExplained = false;
    else complained.add(path);
  };
  const where = { args, sources: ["/"], into: target };
  const spec = { ...where, stdin, volume: job.volume, onProgress, onComplaint, keepsUnfinished: true };
  const { incomplete } = await run.step("go on", () =>
    withWriteBehind(host, target, signal, (onStart, inTime) =>
      copyFromSource(host, job.as, { ...spec, onStart }, inTime),
    ),
  );
  if (!incomplete) return;
  // those may still be what they were, under a name that says that they are whole; and of something else, who knows
  const incompletePaths = isExplained && complained.size > 0 ? [...complained] : paths;
  const removed = incompletePaths.map((path) => Buffer.from(join(target, path)));
  await removeAll(exec, removed, signal);
}

async function look(
  exec: Exec,
  snapshot: string,
  { state, nowMs }: { state: PartialState; nowMs: number },
  signal: AbortSignal,
) {
  const doubtful: Buffer[] = [];
  const beginnings: Beginning[] = [];
  await listFiles(
    exec,
    snapshot,
    (file) => {
      // it was there, whole, before anything was written into this subvolume
      if (state.firstInode !== undefined && file.inode < state.firstInode) return;
      const at = isWorthComparing(file) ? utf8Name(file.path) : undefined;
      const path = at === undefined ? undefined : intendedPath(at);
      if (path === at && !isDoubtful(file, state, nowMs)) return;
      doubtful.push(Buffer.concat([Buffer.from(`${snapshot}/`), file.path]));
      if (at !== undefined && path !== undefined) beginnings.push({ snapshot, at, path, bytes: file.bytes });
    },
    signal,
  );
  return { doubtful, beginnings };
}

/** Those whose file is there and would be taken by the copy that follows. */
async function goOnWith(exec: Exec, job: SourcedJob, beginnings: readonly Beginning[], signal: AbortSignal) {
  if (beginnings.length === 0) return [];
  const paths = new Set(beginnings.map(({ path }) => join("/", path)));
  const found = await filesThere(exec, [...paths, ...job.sources], job.as, signal);
  const sources = job.sources.map((source) => ({ source, device: found.get(source)?.device }));
  const isTaken = (path: string) => {
    const file = found.get(join("/", path));
    if (file?.type !== "f") return false;
    // a file system that has been mounted on one of its directories since hides what was there
    return (
      !job.oneFileSystem || sources.some(({ source, device }) => isBelow(file.path, source) && device === file.device)
    );
  };
  return longest(beginnings, isTaken);
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

/** Into a place that nothing else has: what has it can be relied on. */
async function move(exec: Exec, from: string, to: string, signal: AbortSignal): Promise<void> {
  const operate = (file: string, args: string[]) =>
    mustRun(exec, { file, args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  await operate("mkdir", ["--parents", "--", dirname(to)]);
  await operate("mv", ["--no-clobber", "--no-target-directory", "--", from, to]);
}

async function removeAll(exec: Exec, paths: readonly Buffer[], signal: AbortSignal): Promise<void> {
  if (paths.length === 0) return;
  const list = nullTerminated(paths);
  await removeTrees(exec, list, signal);
}
