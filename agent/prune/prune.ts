/** Removing what was named: an unfinished snapshot, or finished ones by name. */

import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { mustRun } from "../../common/exec.ts";
import { plural } from "../../common/units.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import { PartialStates } from "../backup/partial-states.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { pointLatest } from "../snapshots/latest.ts";
import { partialName } from "../snapshots/name.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { PinStore } from "../volume/pin.ts";
import { type PrunePlan, planPrune, planRest } from "./plan.ts";

export interface PruneOptions {
  readonly partial: boolean;
  readonly snapshots: readonly string[];
  readonly dryRun: boolean;
  /** The same for every attempt of a run. */
  readonly begun: PruneBegun;
}

/** What an attempt leaves to the next: what it set out to remove may be gone by now, or be removed in part. */
export class PruneBegun {
  remove: readonly string[] | undefined;
}

export async function prune(
  host: Host,
  pins: PinStore,
  job: JobConfig,
  target: Target,
  options: PruneOptions,
  run: RunContext,
): Promise<RunResult> {
  if (!options.partial && options.snapshots.length === 0) {
    throw new LuksmithError("usage", "nothing was named to be removed", { hint: "--partial, or --snapshot NAME" });
  }
  const attach = { mode: options.dryRun ? "read" : "write", acceptRollback: false, job: job.name } as const;
  return withVolume(host, pins, target, attach, run, async (attached) => {
    const { begun } = options;
    const plan =
      begun.remove === undefined ? planPrune(attached.entries, options) : planRest(attached.entries, begun.remove);
    begun.remove ??= plan.remove;
    for (const name of plan.remove)
      run.item({ action: Item_Action.DELETE, path: Buffer.from(`${job.name}/${name}`), size: 0 });
    if (!options.dryRun && plan.remove.length > 0) await run.step("remove", () => remove(host, job, attached, plan));
    const verb = options.dryRun ? "would remove" : "removed";
    const nothing = plan.remove.length === 0;
    return {
      state: "done",
      summary: nothing
        ? `job ${job.name}: there is nothing to remove`
        : `${verb} ${plural(plan.remove.length, "snapshot")} of job ${job.name}: ${plan.remove.join(", ")}`,
    };
  });
}

/** Each is renamed to unfinished first: cut short, what is left of it can never pass for a whole snapshot. */
async function remove(host: Host, job: JobConfig, attached: Attached, plan: PrunePlan): Promise<void> {
  const { filesDir, signal, entries } = attached;
  const { exec, clock, stateDir } = host;
  const states = await PartialStates.read({ exec, clock, stateDir, filesDir, signal }, job, entries);
  const jobDir = join(filesDir, job.name);
  const operate = (file: string, args: string[]) =>
    mustRun(host.exec, { file, args, deadlineMs: volumeDeadlineMs, signal });
  if (plan.latest !== undefined) {
    await pointLatest(host.exec, jobDir, plan.latest, signal);
  } else if (plan.empties) {
    await operate("rm", ["--force", "--", join(jobDir, "latest")]);
  }
  for (const name of plan.remove) {
    const doomed = name.endsWith(".partial") ? name : partialName(name);
    // what is left of it, when this is cut short, must not be gone on with either
    await states.forget(doomed);
    if (doomed !== name) await operate("mv", ["--no-target-directory", "--", join(jobDir, name), join(jobDir, doomed)]);
    await removeTree(host.exec, join(jobDir, doomed), signal);
  }
  await attached.recordGeneration();
  await syncFilesystem(host.exec, filesDir, signal);
}
