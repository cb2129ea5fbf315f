/** Bringing files back: never over what is there, unless that was asked for; as the user who asks. */

import { isAbsolute, join } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords, type Running } from "../../common/exec.ts";
import { showName, utf8Name } from "../../common/file-name.ts";
import { formatBytes, plural } from "../../common/units.ts";
import { copyProgress } from "../backup/copy-progress.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import { withView } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { existing } from "../tools/existing.ts";
import { listDirectory } from "../tools/find.ts";
import { archiveArgs, copy } from "../tools/rsync.ts";
import { itemAction, itemFormat, parseItem } from "../tools/rsync-output.ts";
import { noticeLoss } from "../transport/transport.ts";
import type { PinStore } from "../volume/pin.ts";
import { withWarming } from "../warm/warming.ts";
import { requireNoLinkAbove, snapshotPath, withAncestors, withoutNested } from "./paths.ts";
import { filesFrom, planRestore, type RestoreBatch } from "./plan.ts";

const shownConflicts = 10;

export interface RestoreOptions {
  readonly snapshot: string;
  /** As typed; empty for everything. */
  readonly paths: readonly Uint8Array[];
  /** Absolute. */
  readonly target: Uint8Array;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  readonly acceptRollback: boolean;
  /** Reads the snapshot and writes the files with this user's rights; undefined for root. */
  readonly as: Command["as"];
  /** The same for every attempt of a run. */
  readonly begun: RestoreBegun;
}

/** What an attempt leaves to the next. */
export class RestoreBegun {
  /** Then what is there is what was restored already. */
  nothingInTheWay = false;
  /** The one that was chosen: "latest" may be another one by now. */
  snapshot: string | undefined;
}

/**
 * What can be refused is refused here, before the run begins.
 * @throws {LuksmithError} "usage"
 */
export function requireTarget(target: Uint8Array): string {
  const text = utf8Name(target);
  if (text === undefined || /\p{Cc}/u.test(text)) {
    throw new LuksmithError("usage", `the target directory's name must be plain text: ${showName(target)}`);
  }
  if (!isAbsolute(text)) throw new LuksmithError("usage", `the target must be an absolute path: ${showName(target)}`);
  return text;
}

export async function restore(
  host: Host,
  pins: PinStore,
  job: JobConfig,
  target: Target,
  options: RestoreOptions,
  run: RunContext,
): Promise<RunResult> {
  const into = requireTarget(options.target);
  const asked = withoutNested(options.paths.map(snapshotPath));
  const attach = { mode: "read", acceptRollback: options.acceptRollback, job: job.name } as const;
  return withVolume(host, pins, target, attach, run, async (attached) => {
    const snapshot = selectSnapshot(attached.entries, job.name, options.begun.snapshot ?? options.snapshot);
    options.begun.snapshot = snapshot.name;
    const directory = join(attached.filesDir, job.name, snapshot.name);
    return withView(host, directory, options.as, attached.signal, async (from) => {
      const [paths, targetWasThere] = await allOrFirstError(
        wantedPaths(host, from, asked, options.as, attached.signal),
        isDirectory(host.exec, into, options.as, attached.signal),
      );
      if (!targetWasThere && !options.dryRun) await makeTarget(host.exec, into, options.as, attached.signal);
      const present = targetWasThere
        ? await existing(host.exec, { below: into, paths: withAncestors(paths), as: options.as }, attached.signal)
        : [];
      const plan = planRestore(paths, present);
      const mayOverwrite = options.overwrite || options.begun.nothingInTheWay;
      if (!mayOverwrite && plan.conflicts.length > 0) throw wouldOverwrite(into, plan.conflicts);
      options.begun.nothingInTheWay = true;
      const totals = { files: 0, bytes: 0, filesCopied: 0, bytesCopied: 0 };
      let incomplete = false;
      // by root's path to it, whoever restores: it is given to nobody
      const starts = paths.map((path) => Buffer.concat([Buffer.from(`${directory}/`), path]));
      const warmed = { device: attached.device, starts, files: !options.dryRun };
      await run.step(options.dryRun ? "compare" : "copy", async () => {
        for (const batch of plan.batches) {
          const result = await withWarming(host, warmed, attached.signal, (onStart) =>
            copyBatch(host, { from, into, batch, onStart }, options, attached, run),
          );
          incomplete ||= result.incomplete;
          for (const key of ["files", "bytes", "filesCopied", "bytesCopied"] as const) totals[key] += result.stats[key];
        }
        // files that could not be read because the host is gone are no files left out
        if (incomplete && (await noticeLoss(host.clock, attached.lost))) throw attached.lost.reason;
      });
      const verb = options.dryRun ? "would restore" : "restored";
      return {
        state: incomplete ? "incomplete" : "done",
        snapshot: snapshot.name,
        summary: `${verb} ${plural(totals.filesCopied, "file")}, ${formatBytes(totals.bytesCopied)}, of snapshot ${snapshot.name} to ${into}${unchangedNote(totals)}`,
        totals,
      };
    });
  });
}

function unchangedNote({ bytes, bytesCopied }: { bytes: number; bytesCopied: number }): string {
  return bytes > bytesCopied ? ` (${formatBytes(bytes - bytesCopied)} were there already)` : "";
}

/** Relative to the snapshot; everything in it when nothing was named. @throws {LuksmithError} "not_found" for a name that is not there */
async function wantedPaths(host: Host, from: string, asked: readonly Buffer[], as: Command["as"], signal: AbortSignal) {
  if (asked.length === 0 || asked.some((path) => path.length === 0)) {
    const top = (await listDirectory(host.exec, from, signal)) ?? [];
    return top.map(({ name }) => Buffer.from(name, "latin1"));
  }
  const there = await existing(host.exec, { cwd: from, paths: withAncestors(asked), as }, signal);
  requireNoLinkAbove(asked, there);
  const found = new Set(there.map(({ path }) => path.toString("latin1")));
  const missing = asked.filter((path) => !found.has(path.toString("latin1")));
  if (missing.length > 0) {
    const names = missing.slice(0, shownConflicts).map(showName).join(", ");
    throw new LuksmithError("not_found", `not in the snapshot: ${names}`, { hint: "luksmith ls shows what is" });
  }
  return [...asked];
}

async function isDirectory(exec: Exec, path: string, as: Command["as"], signal: AbortSignal): Promise<boolean> {
  const test = { file: "test", args: ["-d", path], brief: true, deadlineMs: volumeDeadlineMs, signal, as };
  return (await exec(test)).exitCode === 0;
}

/** @throws {LuksmithError} "usage" when it cannot be made, or is there and no directory */
async function makeTarget(exec: Exec, into: string, as: Command["as"], signal: AbortSignal): Promise<void> {
  const args = ["--parents", "--", into];
  const made = await exec({ file: "mkdir", args, brief: true, deadlineMs: volumeDeadlineMs, signal, as });
  if (made.exitCode === 0) return;
  throw new LuksmithError("usage", `the target directory cannot be made: ${lastWords(made)}`, { cause: made });
}

async function copyBatch(
  host: Host,
  {
    from,
    into,
    batch,
    onStart,
  }: { from: string; into: string; batch: RestoreBatch; onStart: (running: Running) => void },
  options: RestoreOptions,
  attached: Attached,
  run: RunContext,
) {
  const below = Buffer.concat([Buffer.from(`${into}/`), batch.below]).toString("latin1");
  const args = [
    ...archiveArgs,
    "--recursive",
    "--from0",
    "--files-from=-",
    // a line for each file would cost more than many a file itself: only where the lines are the answer
    ...(options.dryRun ? ["--dry-run", `--out-format=${itemFormat}`] : []),
    "--",
    // by its working directory, not its path: a user's rsync could not walk through the directories above it
    "./",
  ];
  const onLine = (line: Buffer) => {
    const item = parseItem(line);
    const action = item && itemAction(item.changes);
    if (item && action !== undefined) run.item({ action, path: item.path, size: item.size });
  };
  const spec = {
    args: [...args, `${Buffer.from(below, "latin1").toString("utf8")}/`],
    cwd: from,
    stdin: filesFrom(batch),
    as: options.as,
    onStart,
    onLine,
    onProgress: copyProgress(host.clock, run, "copy"),
    onComplaint: (message: string, path: Buffer | undefined) => run.warn(message, path),
  };
  return copy(host.exec, spec, attached.signal);
}

function wouldOverwrite(into: string, conflicts: readonly Buffer[]): LuksmithError {
  const names = conflicts.slice(0, shownConflicts).map((path) => showName(path));
  const more = conflicts.length > shownConflicts ? `, and ${conflicts.length - shownConflicts} more` : "";
  return new LuksmithError("exists", `these are there already in ${into}: ${names.join(", ")}${more}`, {
    hint: "nothing was written; restore into an empty directory, or add --overwrite",
  });
}
