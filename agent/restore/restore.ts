/** Bringing files back: never over what is there, unless that was asked for; as the user who asks. */

import { isAbsolute, join, resolve } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords } from "../../common/exec.ts";
import { showName, utf8Name } from "../../common/file-name.ts";
import { formatBytes, plural } from "../../common/units.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { readRecords } from "../snapshots/record.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import { withView } from "../stack/view.ts";
import { bootId } from "../system/boot-id.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { existing } from "../tools/existing.ts";
import { noticeLoss } from "../transport/transport.ts";
import type { PinStore } from "../volume/pin.ts";
import { withWarming } from "../warm/warming.ts";
import { copyBatch } from "./batch.ts";
import {
  alsoReal,
  deletionRoots,
  hasMountsBelow,
  realPaths,
  removeExtra,
  requireDeletable,
  requireNotEmpty,
  requireTaken,
} from "./deletion.ts";
import { cutShort, isDirectory, remember, requireUnchanged, wouldOverwrite } from "./going-on.ts";
import { withGuardedTarget } from "./guarded-target.ts";
import { snapshotPath, withAncestors, withoutNested } from "./paths.ts";
import { planRestore } from "./plan.ts";
import { finishUnderWay, underWayName } from "./under-way.ts";
import { UnfinishedRestores } from "./unfinished.ts";
import { wantedPaths } from "./wanted.ts";

export interface RestoreOptions {
  readonly snapshot: string;
  /** As typed; empty for everything. */
  readonly paths: readonly Uint8Array[];
  /** Absolute. */
  readonly target: Uint8Array;
  readonly overwrite: boolean;
  /** What is in the directories that are restored, and not in the snapshot, is removed. */
  readonly delete: boolean;
  /** Absolute: what of luksmith itself must not be removed. */
  readonly own: readonly string[];
  readonly dryRun: boolean;
  readonly acceptRollback: boolean;
  /** Reads the snapshot and writes the files with this user's rights; undefined for root. */
  readonly as: Command["as"];
  /** The same for every attempt of a run. */
  readonly begun: RestoreBegun;
}

/** What an attempt leaves to the next. */
export class RestoreBegun {
  /** Then what is there that the snapshot has not was made since. */
  isRemoved = false;
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

/**
 * At first sight, by the names alone. @throws {LuksmithError} "usage"
 */
export function requireDeletableTarget({ delete: deletes, overwrite, target, paths, own }: RestoreOptions): void {
  if (!deletes) return;
  if (!overwrite) {
    throw new LuksmithError("usage", "--delete needs --overwrite: what is there already is replaced", {
      hint: "--delete --overwrite --dry-run shows what would be removed and replaced",
    });
  }
  const into = Buffer.from(requireTarget(target)).toString("latin1");
  const asked = withoutNested(paths.map(snapshotPath)).map((path) => path.toString("latin1"));
  requireDeletable(
    (asked.length === 0 ? [""] : asked).map((path) => resolve(into, path)),
    own,
  );
}

export async function restore(
  host: Host,
  pins: PinStore,
  job: JobConfig,
  target: Target,
  options: RestoreOptions,
  run: RunContext,
): Promise<RunResult> {
  requireTarget(options.target);
  options.paths.forEach(snapshotPath);
  const attach = { mode: "read", acceptRollback: options.acceptRollback, job: job.name } as const;
  return withVolume(host, pins, target, attach, run, (attached) => restoreFrom(host, job, attached, options, run));
}

/** From an attached volume. */
export async function restoreFrom(
  host: Host,
  job: JobConfig,
  attached: Attached,
  options: RestoreOptions,
  run: RunContext,
): Promise<RunResult> {
  const into = requireTarget(options.target);
  const asked = withoutNested(options.paths.map(snapshotPath));
  const { begun, as, dryRun, overwrite } = options;
  const unfinished = new UnfinishedRestores(host.stateDir);
  const { uid } = run.caller;
  const command = { uid, job: job.name, snapshot: options.snapshot, target: Buffer.from(into), paths: asked };
  const { signal } = attached;
  const goesOn = overwrite ? undefined : await cutShort(host, unfinished, command, { into, as }, attached);
  const wanted = goesOn?.snapshot ?? begun.snapshot ?? options.snapshot;
  const snapshot = selectSnapshot(attached.entries, job.name, wanted);
  if (options.delete) await requireWhole(host, attached, job, snapshot.name, run);
  begun.snapshot = snapshot.name;
  const directory = join(attached.filesDir, job.name, snapshot.name);
  return withView(host, directory, as, signal, async (from) => {
    const [{ paths, whole, found }, targetWasThere] = await allOrFirstError(
      wantedPaths(host.exec, { from, asked, as }, signal),
      isDirectory(host.exec, into, as, signal),
    );
    const present = targetWasThere
      ? await existing(host.exec, { below: into, paths: withAncestors(paths), as }, signal)
      : [];
    const plan = planRestore(paths, goesOn?.present ?? present);
    const roots = options.delete && targetWasThere ? deletionRoots(whole, paths, found, present) : [];
    if (whole && options.delete && paths.length === 0) {
      throw new LuksmithError("usage", `snapshot ${snapshot.name} is empty: --delete would remove everything`);
    }
    if (roots.length > 0) {
      const absolute = roots.map((root) => Buffer.concat([Buffer.from(`${into}/`), root]));
      const real = await realPaths(host.exec, { paths: absolute, as }, signal);
      requireDeletable(real, await alsoReal(options.own));
      const { sources } = (await readRecords(host.exec, attached.filesDir, job.name, signal)).get(snapshot.name) ?? job;
      requireTaken(roots, sources);
      await requireNotEmpty(host.exec, { from, roots, as }, signal);
    }
    // rsync would go into what is mounted below: --force does not know of --one-file-system
    const target = Buffer.from(into);
    const [realTarget = into] =
      options.delete && targetWasThere ? await realPaths(host.exec, { paths: [target], as }, signal) : [];
    const force = options.delete && !(await hasMountsBelow(realTarget));
    if (goesOn !== undefined) {
      run.note(`going on with a restore of snapshot ${snapshot.name} that was cut short`);
      await requireUnchanged(host, { from, into, as }, plan.batches, signal);
    } else if (!overwrite && !begun.nothingInTheWay && plan.conflicts.length > 0) {
      throw wouldOverwrite(into, plan.conflicts);
    }
    const write = async (at: string): Promise<RunResult> => {
      const boot = await bootId();
      if (goesOn !== undefined && !dryRun) {
        const { lost } = attached;
        const before = { asked, aside: goesOn.aside, isReliable: goesOn.boot === boot, lost };
        await finishUnderWay(host, { from, into: at, as }, before, run, signal);
      }
      const record = goesOn ?? { snapshot: snapshot.name, present, aside: underWayName() };
      const isRemembered = !overwrite && !dryRun && (await remember(unfinished, command, { ...record, boot }, run));
      const aside = isRemembered ? record.aside : undefined;
      begun.nothingInTheWay = true;
      if (!targetWasThere && !dryRun) await makeTarget(host.exec, at, as, signal);
      const totals = { files: 0, bytes: 0, filesCopied: 0, bytesCopied: 0 };
      let incomplete = false;
      const removal = { from, into: at, roots, as };
      let removed = 0;
      let isRemovalCertain = true;
      // by root's path to it, whoever restores: it is given to nobody
      const starts = paths.map((path) => Buffer.concat([Buffer.from(`${directory}/`), path]));
      if (roots.length > 0 && !begun.isRemoved) {
        const warmed = { device: attached.device, starts, files: false };
        const onExtra = (path: Buffer) => {
          removed += 1;
          run.item({ action: Item_Action.DELETE, path, size: 0 });
        };
        const spec = { ...removal, dryRun, onExtra, onKept: run.warn };
        const { isCertain } = await run.step("remove", () =>
          withWarming(host, warmed, signal, () => removeExtra(host.exec, spec, signal)),
        );
        isRemovalCertain = isCertain;
        begun.isRemoved = isCertain;
      }
      const warmed = { device: attached.device, starts, files: !dryRun };
      await run.step(dryRun ? "compare" : "copy", async () => {
        for (const batch of plan.batches) {
          const result = await withWarming(host, warmed, signal, (onStart) =>
            copyBatch(host, { from, into: at, named: into, batch, as, dryRun, force, aside, onStart }, run, signal),
          );
          incomplete ||= result.incomplete;
          for (const key of ["files", "bytes", "filesCopied", "bytesCopied"] as const) totals[key] += result.stats[key];
        }
        // files that could not be read because the host is gone are no files left out
        if (incomplete && (await noticeLoss(host.clock, attached.lost))) throw attached.lost.reason;
      });
      if (!isRemovalCertain && incomplete) {
        run.warn("what is not in the snapshot may still be there: not all of the snapshot could be read");
      } else if (!isRemovalCertain && !dryRun) {
        // what was of another type is so no more: what is there now is what could not be removed
        const onExtra = (path: Buffer) => {
          incomplete = true;
          run.warn("is not in the snapshot, and could not be removed", path);
        };
        await removeExtra(host.exec, { ...removal, dryRun: true, onExtra, onKept: () => undefined }, signal);
      }
      if (!overwrite && !dryRun) {
        await unfinished.forget(command).catch(() => run.note("that this restore is done cannot be written down"));
      }
      const verb = dryRun ? "would restore" : "restored";
      const removedNote = options.delete
        ? `; ${dryRun ? "would remove" : "removed"} ${removed} that are not in it`
        : "";
      return {
        state: incomplete ? "incomplete" : "done",
        snapshot: snapshot.name,
        summary: `${verb} ${plural(totals.filesCopied, "file")}, ${formatBytes(totals.bytesCopied)}, of snapshot ${snapshot.name} to ${into}${unchangedNote(totals)}${removedNote}`,
        totals,
      };
    };
    return as !== undefined || dryRun ? write(into) : withGuardedTarget(host, { into, paths }, signal, write);
  });
}

/** What was not read when the snapshot was made would be removed. @throws {LuksmithError} "usage" */
async function requireWhole(
  host: Host,
  { filesDir, signal }: Attached,
  job: JobConfig,
  snapshot: string,
  run: RunContext,
): Promise<void> {
  const records = await readRecords(host.exec, filesDir, job.name, signal);
  if (records.get(snapshot)?.incomplete !== false) {
    throw new LuksmithError(
      "usage",
      `snapshot ${snapshot} is incomplete, or nothing is recorded of it: --delete would remove what could not be read`,
      {
        hint: `luksmith snapshots ${job.name} shows others; without --delete nothing is removed`,
      },
    );
  }
  if (job.exclude.length > 0) run.note("what the job excludes is in no snapshot: --delete removes it as well");
}

function unchangedNote({ bytes, bytesCopied }: { bytes: number; bytesCopied: number }): string {
  return bytes > bytesCopied ? ` (${formatBytes(bytes - bytesCopied)} were there already)` : "";
}

/** @throws {LuksmithError} "usage" when it cannot be made, or is there and no directory */
async function makeTarget(exec: Exec, into: string, as: Command["as"], signal: AbortSignal): Promise<void> {
  const args = ["--parents", "--", into];
  const made = await exec({ file: "mkdir", args, brief: true, deadlineMs: volumeDeadlineMs, signal, as });
  if (made.exitCode === 0) return;
  throw new LuksmithError("usage", `the target directory cannot be made: ${lastWords(made)}`, { cause: made });
}
