/**
 * A new snapshot in a subvolume that has what the newest one has: rsync brings it up to date in place. No finished snapshot is touched
 * by that, whatever is written: a subvolume's inodes are its own, and of its blocks none is written over.
 *
 * What was there and is no longer to be there is removed by rsync, but for what it does not look at: behind a file system that has been
 * mounted since, beside the sources of another selection, anywhere when something could not be read. So the result counts only
 * when rsync had no complaint and there are as many entries as it found. Otherwise all is put aside, within the subvolume, and a
 * tree is made anew, of hard links to what has stayed the same (--link-dest): which costs metadata, and no data.
 *
 * A file that has been changed is written anew under another name, as by rsync always; but a large one in place, so that it goes on
 * sharing what has not changed of it. It is synced before it gets its new time (rsync(1), --fsync): a break leaves it with the time of
 * the writing, and the next backup sees that it is not done.
 */

import { join } from "node:path";
import { type Exec, mustRun } from "../../common/exec.ts";
import { plural } from "../../common/units.ts";
import type { RunContext } from "../runs/context.ts";
import type { LandingHost } from "../stack/landing.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { linkedOrLarge, listDirectory } from "../tools/find.ts";
import { giveTo } from "../tools/give.ts";
import { nullTerminated } from "../tools/null-terminated.ts";
import { removeTree, removeTrees } from "../tools/remove-tree.ts";
import type { CopyResult, CopySpec } from "../tools/rsync.ts";
import { vanishedMessage } from "../tools/rsync-complaints.ts";
import { itemFormat, parseItem, pathWithin, type RsyncStats } from "../tools/rsync-output.ts";
import { copyProgress } from "./copy-progress.ts";
import { canBeLinked } from "./linked-copy.ts";
import { copyArgs, deletingArgs } from "./selection.ts";
import { copyFromSource } from "./source-copy.ts";
import type { SourcedJob } from "./sourced-job.ts";
import type { SubvolumeStart } from "./subvolume-start.ts";
import { isWhole } from "./whole.ts";
import { withWriteBehind } from "./write-behind.ts";

/** Below that it is not worth reading what there is, nor a sync of its own. */
const largeBytes = 2 ** 20;
/** Their names are held. With more of them changed, little is there that could be shared within files. */
const mostChanged = 200_000;
/** What is put aside, while the tree is made anew from it, and until all of it is there. */
const asideName = ".luksmith-aside";
const movingName = ".luksmith-moving";
/** Files vanish while they are copied on any machine that works; seldom twice. */
const attempts = 2;

type Steps = Pick<RunContext, "step" | "progress" | "note">;

export interface SubvolumeCopySpec {
  readonly job: SourcedJob;
  /** Of rsync: what is taken, and what is not. */
  readonly selection: readonly string[];
  /** Absolute path of the subvolume. */
  readonly partial: string;
  readonly start: SubvolumeStart;
  readonly onComplaint: CopySpec["onComplaint"];
  /** What was written before then, in milliseconds since 1970, is on the backup host's disk. */
  readonly onSettled: (beganMs: number) => void;
}

export async function subvolumeCopy(
  host: LandingHost,
  spec: SubvolumeCopySpec,
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult> {
  const { onComplaint, start } = spec;
  if (start.isEmpty) return run.step("copy", () => copyAll(host, spec, { onComplaint }, run, signal));
  const brought = new Brought();
  return (
    (await updateInPlace(host, spec, brought, run, signal)) ??
    (await run.step("copy", () => makeAnew(host, spec, brought, run, signal)))
  );
}

/** What all of a snapshot's copies together have brought. */
class Brought {
  #files = 0;
  #bytes = 0;

  /** @returns the same, with all that was brought until now */
  add(stats: RsyncStats): RsyncStats {
    this.#files += stats.filesCopied;
    this.#bytes += stats.bytesCopied;
    return { ...stats, filesCopied: this.#files, bytesCopied: this.#bytes };
  }
}

/** @returns undefined when what is in the subvolume now may be more, or other, than what is on the machine */
async function updateInPlace(
  host: LandingHost,
  spec: SubvolumeCopySpec,
  brought: Brought,
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult | undefined> {
  const { job, partial, start } = spec;
  if (!start.isSame || !canBeLinked(job.sources)) return undefined;
  // a run that was making it anew was interrupted
  for (const name of [asideName, movingName]) if (await hasEntry(host.exec, partial, name, signal)) return undefined;
  const looked = await run.step("compare", () => look(host, spec, run, signal));
  if (looked.isUpToDate && (await isWhole(host.exec, spec, looked.stats, signal))) {
    return { incomplete: false, stats: looked.stats };
  }
  const { changed } = looked;
  if (changed === undefined) return undefined;
  return run.step("copy", async () => {
    await prepareChanged(host, spec, { changed, brought }, run, signal);
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const complaints = new Set<"vanished" | "other">();
      const onComplaint = (message: string) => void complaints.add(message === vanishedMessage ? "vanished" : "other");
      const { incomplete, stats } = await copyAll(host, spec, { onComplaint }, run, signal);
      const all = brought.add(stats);
      if (!incomplete && complaints.size === 0) {
        return (await isWhole(host.exec, spec, all, signal)) ? { incomplete, stats: all } : undefined;
      }
      if (complaints.size === 0 || complaints.has("other")) return undefined;
    }
    return undefined;
  });
}

interface Looked {
  readonly stats: RsyncStats;
  readonly isUpToDate: boolean;
  /** Of what is there already and is no directory: what is to be another; as in the snapshot. Undefined when it is too much. */
  readonly changed: readonly Buffer[] | undefined;
}

async function look(
  host: LandingHost,
  { job, selection, partial }: SubvolumeCopySpec,
  run: Steps,
  signal: AbortSignal,
): Promise<Looked> {
  const changed: Buffer[] = [];
  let isUpToDate = true;
  const args = ["--dry-run", `--out-format=${itemFormat}`, ...selection, ...deletingArgs];
  const { stats, incomplete } = await copyFromSource(
    host,
    job.as,
    {
      args,
      sources: job.sources,
      into: partial,
      isDry: true,
      volume: job.volume,
      onProgress: copyProgress(host.clock, run, "compare"),
      onLine: (line) => {
        isUpToDate = false;
        const item = parseItem(line);
        const [, type, added] = item?.changes ?? "";
        if (item === undefined || item.changes.startsWith("*") || type === "d" || added === "+") return;
        const path = pathWithin(item);
        if (path !== undefined && changed.length <= mostChanged) changed.push(path);
      },
      // it is met again by the copy that follows
      onComplaint: () => {
        isUpToDate = false;
      },
    },
    signal,
  );
  const isTooMuch = changed.length > mostChanged;
  return { stats, changed: isTooMuch ? undefined : changed, isUpToDate: isUpToDate && !incomplete };
}

/**
 * A file with other names is removed, so that it comes anew: on the machine it may have none of them any more, and what rsync changes
 * of it in place it would change of all. A large one is written in place.
 */
async function prepareChanged(
  host: LandingHost,
  { job, selection, partial, onSettled }: SubvolumeCopySpec,
  { changed, brought }: { changed: readonly Buffer[]; brought: Brought },
  run: Steps,
  signal: AbortSignal,
): Promise<void> {
  const { linked, large } = await linkedOrLarge(host.exec, { directory: partial, paths: changed, largeBytes }, signal);
  if (linked.length > 0) await removeTrees(host.exec, nullTerminated(linked, `${partial}/`), signal);
  if (large.length === 0) return;
  run.note(`${plural(large.length, "large file")} changed: what has not changed of them is shared`);
  const inPlace = ["--inplace", "--no-whole-file", "--fsync", "--existing", "--from0", "--files-from=-"];
  const { stats } = await withWriteBehind(
    host,
    partial,
    signal,
    (onStart, inTime) =>
      copyFromSource(
        host,
        job.as,
        {
          args: [...selection, ...copyArgs(job), ...inPlace],
          sources: ["/"],
          into: partial,
          stdin: nullTerminated(large, ""),
          volume: job.volume,
          onProgress: copyProgress(host.clock, run, "copy"),
          // met again by the copy that follows: none of them has its new time
          onComplaint: () => undefined,
          onStart,
          keepsUnfinished: true,
        },
        inTime,
      ),
    onSettled,
  );
  brought.add(stats);
}

/** What is there serves as what another snapshot is to --link-dest, within the subvolume: links do not lead out of it. */
async function makeAnew(
  host: LandingHost,
  spec: SubvolumeCopySpec,
  brought: Brought,
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult> {
  const { exec } = host;
  const { partial, onComplaint, job } = spec;
  const aside = join(partial, asideName);
  if (!(await hasEntry(exec, partial, asideName, signal))) await putAside(exec, partial, signal);
  if (job.as !== undefined) await giveTo(exec, aside, job.as, signal);
  const more = [`--link-dest=${asideName}`, `--filter=protect /${asideName}/`];
  const { incomplete, stats } = await copyAll(host, spec, { more, onComplaint }, run, signal);
  await removeTree(exec, aside, signal);
  return { incomplete, stats: brought.add(stats) };
}

/** Cut short, the next run goes on with it: what is not aside yet is taken there, and the name says that it is all of it. */
async function putAside(exec: Exec, partial: string, signal: AbortSignal): Promise<void> {
  const moving = join(partial, movingName);
  const step = { brief: true, deadlineMs: wholeVolumeDeadlineMs, signal };
  await mustRun(exec, { ...step, file: "mkdir", args: ["--parents", "--mode=0700", "--", moving] });
  const move = ["-exec", "mv", `--target-directory=${moving}`, "--", "{}", "+"];
  const others = ["-mindepth", "1", "-maxdepth", "1", "!", "-name", movingName];
  await mustRun(exec, { ...step, file: "find", args: [partial, ...others, ...move] });
  const name = ["--no-target-directory", "--", moving, join(partial, asideName)];
  await mustRun(exec, { ...step, file: "mv", args: name, deadlineMs: volumeDeadlineMs });
}

function copyAll(
  host: LandingHost,
  { job, selection, partial, onSettled }: SubvolumeCopySpec,
  { more = [], onComplaint }: { more?: readonly string[]; onComplaint: CopySpec["onComplaint"] },
  run: Steps,
  signal: AbortSignal,
): Promise<CopyResult> {
  const args = [...selection, ...deletingArgs, ...copyArgs(job), ...more];
  const onProgress = copyProgress(host.clock, run, "copy");
  const where = { args, sources: job.sources, into: partial };
  const spec = { ...where, volume: job.volume, onProgress, onComplaint, keepsUnfinished: true };
  return withWriteBehind(
    host,
    partial,
    signal,
    (onStart, inTime) => copyFromSource(host, job.as, { ...spec, onStart }, inTime),
    onSettled,
  );
}

async function hasEntry(exec: Exec, directory: string, name: string, signal: AbortSignal): Promise<boolean> {
  return (await listDirectory(exec, directory, signal))?.some((entry) => entry.name === name) === true;
}
