/** Removing snapshots: what was named, or, when nothing is, what the job's `keep` does not keep. */

import { plural } from "../../common/units.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { readPinned } from "../snapshots/pinned.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "../volume/pin.ts";
import { planPolicy, requireClocks, requireKeep, showPolicy, warnOfFuture } from "./by-policy.ts";
import { type PrunePlan, planPrune, planRest } from "./plan.ts";
import { removeSnapshots } from "./removal.ts";

export interface PruneOptions {
  readonly partial: boolean;
  /** With neither these nor `partial`, the job's policy decides. */
  readonly snapshots: readonly string[];
  readonly dryRun: boolean;
  /** The same for every attempt of a run. */
  readonly begun: PruneBegun;
}

/** What an attempt leaves to the next: what it set out to remove may be gone by now, or be removed in part. */
export class PruneBegun {
  remove: readonly string[] | undefined;
}

/** @throws {LuksmithError} "usage" when nothing says what to remove */
export function requirePruneRequest(
  job: JobConfig,
  { partial, snapshots }: Pick<PruneOptions, "partial" | "snapshots">,
) {
  if (!partial && snapshots.length === 0) requireKeep(job);
}

export async function prune(
  host: Host,
  pins: PinStore,
  job: JobConfig,
  target: Target,
  options: PruneOptions,
  run: RunContext,
): Promise<RunResult> {
  const attach = { mode: options.dryRun ? "read" : "write", acceptRollback: false, job: job.name } as const;
  return withVolume(host, pins, target, attach, run, async (attached) => {
    const { begun, dryRun } = options;
    const { entries } = attached;
    const plan =
      begun.remove === undefined
        ? await planned(host, job, attached, options, run)
        : planRest(entries, await unpinned(host, job, attached, begun.remove));
    const nothing = plan.remove.length === 0;
    if (!dryRun && !nothing) {
      begun.remove ??= plan.remove;
      await run.step("remove", () => removeSnapshots(host, job, attached, entries, plan));
    }
    const verb = dryRun ? "would remove" : "removed";
    return {
      state: "done",
      summary: nothing
        ? `job ${job.name}: there is nothing to remove`
        : `${verb} ${plural(plan.remove.length, "snapshot")} of job ${job.name}: ${plan.remove.join(", ")}`,
    };
  });
}

/** Between two attempts somebody may have pinned what is still whole. */
async function unpinned(
  host: Host,
  job: JobConfig,
  { entries, filesDir, signal }: Attached,
  remove: readonly string[],
): Promise<string[]> {
  const pinned = await readPinned(host.exec, filesDir, job.name, signal);
  const isWhole = (name: string) => entries.some((entry) => !entry.partial && entry.name === name);
  return remove.filter((name) => !(pinned.has(name) && isWhole(name)));
}

/** Says what it has found, and refuses what is not to be done. */
async function planned(
  host: Host,
  job: JobConfig,
  attached: Attached,
  { partial, snapshots, dryRun }: PruneOptions,
  run: RunContext,
): Promise<PrunePlan> {
  const { entries, filesDir, signal } = attached;
  if (partial || snapshots.length > 0) {
    const pinned = snapshots.length === 0 ? [] : (await readPinned(host.exec, filesDir, job.name, signal)).keys();
    const plan = planPrune(entries, { partial, snapshots }, { job: job.name, names: [...pinned] });
    for (const name of plan.remove) {
      run.item({ action: Item_Action.DELETE, path: Buffer.from(`${job.name}/${name}`), size: 0, reason: "" });
    }
    return plan;
  }
  const policy = await planPolicy(host, job, attached, entries);
  warnOfFuture(job, policy.judgements, run);
  showPolicy(job, policy, run);
  if (!dryRun && policy.plan.remove.length > 0) await requireClocks(host, attached);
  return policy.plan;
}
