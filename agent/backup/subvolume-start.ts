/**
 * NAME.partial as a subvolume: an interrupted one that is gone on with, a snapshot of the newest finished one, a copy of that which
 * shares its data where it is a directory as an earlier version made them, or an empty one.
 */

import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun } from "../../common/exec.ts";
import type { RunContext } from "../runs/context.ts";
import { partialName } from "../snapshots/name.ts";
import type { Attached } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import {
  createSubvolume,
  nextInode,
  setReadOnly,
  snapshotSubvolume,
  subvolumesAmong,
} from "../tools/btrfs-subvolume.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { noteGoingOn, takeOver } from "./interrupted.ts";
import type { PartialStates } from "./partial-states.ts";
import { type BackupPlan, planSubvolume } from "./plan.ts";
import type { SourcedJob } from "./sourced-job.ts";

export interface SubvolumeStart {
  /** Nothing is in it that this run has not brought. */
  readonly isEmpty: boolean;
  /** What is in it is of the same selection. */
  readonly isSame: boolean;
}

export async function startSubvolume(
  host: Host,
  job: SourcedJob,
  attached: Attached,
  { states, plan }: { states: PartialStates; plan: BackupPlan },
  run: RunContext,
): Promise<SubvolumeStart> {
  const { exec } = host;
  const { filesDir, filesystem, signal } = attached;
  const jobDir = join(filesDir, job.name);
  const pathOf = (name: string) => join(jobDir, name);
  const into = partialName(plan.name);
  const finished = plan.base === undefined ? [] : [pathOf(plan.base)];
  const interrupted = plan.interrupted.map((name) => pathOf(partialName(name)));
  const subvolumes = await subvolumesAmong(exec, [...finished, ...interrupted], signal);
  const { goOn, origin, stale } = planSubvolume(
    plan,
    (name) => subvolumes.has(pathOf(partialName(name))) && states.of(partialName(name))?.firstInode !== undefined,
  );
  for (const name of stale) await filesystem.remove(exec, pathOf(partialName(name)), signal);
  const before = goOn ?? origin;
  const isSame = before !== undefined && states.isOfSameSelection(partialName(before));
  if (goOn !== undefined) {
    noteGoingOn(run, goOn, isSame);
    const from = partialName(goOn);
    await states.begin(into, from);
    await syncFilesystem(exec, filesDir, signal);
    const args = ["--no-target-directory", "--", pathOf(from), pathOf(into)];
    await mustRun(exec, { file: "mv", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
    // it may have been about to get its name
    await setReadOnly(exec, pathOf(into), false, signal);
    await takeOver(host, job, { jobDir, interrupted: [into], into, states }, run, signal);
  } else {
    await states.begin(into);
    await mustRun(exec, {
      file: "mkdir",
      args: ["--parents", "--mode=0755", "--", jobDir],
      brief: true,
      deadlineMs: volumeDeadlineMs,
      signal,
    });
    if (origin === undefined) await createSubvolume(exec, pathOf(into), signal);
    else if (subvolumes.has(pathOf(origin))) await snapshotSubvolume(exec, pathOf(origin), pathOf(into), signal);
    else await shareDirectory(exec, pathOf(origin), pathOf(into), run, signal);
  }
  await states.relyBelow(into, await nextInode(exec, pathOf(into), signal));
  return { isEmpty: before === undefined, isSame };
}

/** Hard links do not lead from one subvolume to another, shared data do (FICLONE). What cp leaves out, the copy that follows brings. */
async function shareDirectory(
  exec: Exec,
  from: string,
  into: string,
  run: RunContext,
  signal: AbortSignal,
): Promise<void> {
  await createSubvolume(exec, into, signal);
  const args = ["--archive", "--reflink=always", "--no-target-directory", "--", from, into];
  const copied = await run.step("make a subvolume", () =>
    exec({ file: "cp", args, brief: true, silent: true, deadlineMs: wholeVolumeDeadlineMs, signal }),
  );
  if (/No space left on device|Disk quota exceeded/.test(copied.stderr)) {
    throw new LuksmithError("full", "there is no room left", { cause: lastWords(copied) });
  }
  // small files are copied, and not yet written out
  await syncFilesystem(exec, into, signal);
}
