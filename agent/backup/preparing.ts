/** NAME.partial before anything is copied: nothing yet, or what an interrupted run has left, in its own directory or to be shared. */

import { join } from "node:path";
import { mustRun } from "../../common/exec.ts";
import type { RunContext } from "../runs/context.ts";
import { partialName } from "../snapshots/name.ts";
import type { Attached } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { anyShared } from "../tools/find.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { assembling } from "./assembled-copy.ts";
import { noteGoingOn, takeOver } from "./interrupted.ts";
import type { PartialStates } from "./partial-states.ts";
import { type BackupPlan, goesOnInPlace } from "./plan.ts";
import type { SourcedJob } from "./sourced-job.ts";

export interface Prepared {
  /** What unchanged files may be shared with, newest first, as names in the job's directory. */
  readonly bases: readonly string[];
  /** Nothing is in NAME.partial yet. */
  readonly isEmpty: boolean;
}

export const nothingPrepared: Prepared = { bases: [], isEmpty: true };

interface Begun {
  readonly states: PartialStates;
  readonly plan: BackupPlan;
}

/** Makes NAME.partial, or goes on with an interrupted one: in its own directory, or by sharing its files. */
export async function prepare(
  host: Host,
  job: SourcedJob,
  attached: Attached,
  { states, plan }: Begun,
  run: RunContext,
): Promise<Prepared> {
  const { exec } = host;
  const { filesDir, filesystem, signal } = attached;
  const isOfUser = job.as !== undefined;
  const jobDir = join(filesDir, job.name);
  const into = partialName(plan.name);
  const finished = plan.base === undefined ? [] : [plan.base];
  for (const name of plan.stale) await filesystem.remove(exec, join(jobDir, partialName(name)), signal);
  const usable = isOfUser ? await keepUnshared(host, job, attached, { states, plan }) : plan.interrupted;
  const interrupted = usable.map(partialName);
  const [newest] = interrupted;
  if (newest === undefined) {
    await states.begin(into);
    if (isOfUser) await makeDirectory(host, join(jobDir, into), signal);
    return { bases: finished, isEmpty: true };
  }
  const isSame = states.isOfSameSelection(newest);
  noteGoingOn(run, `${usable[0]}`, isSame);
  const inPlace = isOfUser || goesOnInPlace(plan, { isSame, oneFileSystem: job.oneFileSystem });
  await states.begin(into, inPlace ? newest : undefined);
  if (inPlace) {
    const args = ["--no-target-directory", "--", join(jobDir, newest), join(jobDir, into)];
    await mustRun(exec, { file: "mv", args, deadlineMs: volumeDeadlineMs, signal });
  }
  const older = inPlace ? interrupted.slice(1) : interrupted;
  const all = inPlace ? [into, ...older] : older;
  await takeOver(host, job, { jobDir, interrupted: all, into, states }, run, signal);
  return { bases: [...older, ...finished], isEmpty: !inPlace };
}

/**
 * For a user's job: the newest interrupted one, if it shares nothing; the others are removed. What is in it and is shared with a finished
 * snapshot, as it is when a run was cut short at its very end, must not be written to by the user.
 */
async function keepUnshared(
  { exec }: Host,
  job: SourcedJob,
  { filesDir, filesystem, signal }: Attached,
  { states, plan }: Begun,
): Promise<string[]> {
  const at = (name: string) => join(filesDir, job.name, partialName(name));
  // it has links to what there is of an interrupted one
  await removeTree(exec, assembling(filesDir, job.name), signal);
  const [newest, ...older] = plan.interrupted;
  const isOfUse =
    newest !== undefined &&
    states.isOfSameSelection(partialName(newest)) &&
    !(await anyShared(exec, at(newest), signal));
  for (const name of isOfUse ? older : plan.interrupted) await filesystem.remove(exec, at(name), signal);
  return isOfUse ? [newest] : [];
}

async function makeDirectory({ exec }: Host, directory: string, signal: AbortSignal): Promise<void> {
  const args = ["--parents", "--mode=0755", "--", directory];
  await mustRun(exec, { file: "mkdir", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
}
