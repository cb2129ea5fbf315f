/** A prune by the job's `keep`: what it would remove, whether the clocks allow it, and the removal. */

import { localTimezone } from "../../common/config/timezone.ts";
import { LuksmithError } from "../../common/errors.ts";
import { formatDuration, plural } from "../../common/units.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import { PartialStates } from "../backup/partial-states.ts";
import type { JobConfig } from "../config/job.ts";
import type { KeepPolicy } from "../config/keep.ts";
import type { RunContext } from "../runs/context.ts";
import type { SnapshotEntry } from "../snapshots/entries.ts";
import { readJobDirectory } from "../snapshots/list.ts";
import { partialName } from "../snapshots/name.ts";
import { readPinned } from "../snapshots/pinned.ts";
import { readRecords } from "../snapshots/record.ts";
import type { Attached } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { type PrunePlan, planByPolicy } from "./plan.ts";
import { removeSnapshots } from "./removal.ts";
import { type Judgement, judge } from "./retention.ts";

/** No time zone, and no summer time, makes two right clocks differ by so much. */
const clocksDifferMs = 86_400_000;

export interface PolicyPlan {
  readonly judgements: readonly Judgement[];
  readonly plan: PrunePlan;
}

/** @throws {LuksmithError} "usage" when the job has none */
export function requireKeep({ name, keep }: JobConfig): KeepPolicy {
  if (keep !== undefined) return keep;
  throw new LuksmithError("usage", `job ${name} has no keep in the configuration: nothing says what may go`, {
    hint: `jobs.${name}.keep, such as { last: 3, daily: 7, weekly: 4 }; or name what is to be removed: --snapshot NAME, --partial`,
  });
}

/** @param entries what is in the job's directory now, oldest first */
export async function planPolicy(
  host: Host,
  job: JobConfig,
  { filesDir, signal }: Pick<Attached, "filesDir" | "signal">,
  entries: readonly SnapshotEntry[],
): Promise<PolicyPlan> {
  const { exec, clock, stateDir } = host;
  const [pinned, records, states] = await Promise.all([
    readPinned(exec, filesDir, job.name, signal),
    readRecords(exec, filesDir, job.name, signal),
    PartialStates.read({ exec, clock, stateDir, filesDir, signal }, job, entries),
  ]);
  const snapshots = entries
    .filter(({ partial }) => !partial)
    .map(({ name, time }) => ({
      name,
      time,
      isWhole: records.get(name)?.incomplete === false,
      pinned: pinned.get(name),
    }));
  const judgements = judge(snapshots, requireKeep(job), {
    now: clock.now(),
    timezone: job.timezone ?? localTimezone(),
  });
  // such as what an interrupted prune has left
  const abandoned = entries.filter(({ name, partial }) => partial && states.of(partialName(name)) === undefined);
  return {
    judgements,
    plan: planByPolicy(
      entries,
      judgements,
      abandoned.map(({ name }) => name),
    ),
  };
}

export function warnOfFuture(job: JobConfig, judgements: readonly Judgement[], run: RunContext): void {
  for (const { name } of judgements.filter(({ isOfFuture }) => isOfFuture)) {
    run.warn(
      `snapshot ${name} is dated in the future: it stays; when the clock is right: luksmith prune ${job.name} --snapshot ${name}`,
    );
  }
}

/** Each snapshot with what keeps it, or as what would be removed. */
export function showPolicy(job: JobConfig, { judgements, plan }: PolicyPlan, run: RunContext): void {
  const path = (name: string) => Buffer.from(`${job.name}/${name}`);
  const kept = new Map(judgements.map(({ name, reasons }) => [name, reasons.join(", ")]));
  const unfinished = plan.remove.filter((name) => !kept.has(name));
  for (const [name, reason] of kept) {
    const action = plan.remove.includes(name) ? Item_Action.DELETE : Item_Action.KEEP;
    run.item({ action, path: path(name), size: 0, reason });
  }
  for (const name of unfinished) {
    run.item({ action: Item_Action.DELETE, path: path(name), size: 0, reason: "abandoned" });
  }
}

/**
 * By rules that go by the time, nothing is removed while it is not known which time it is: a clock that runs ahead makes everything
 * look old. The image has been written to a moment ago, by the backup host's clock. A host that lies about it keeps snapshots, at worst.
 * @throws {LuksmithError} "refused"
 */
export async function requireClocks(
  host: Host,
  { image, filesDir, signal, recordGeneration }: Pick<Attached, "image" | "filesDir" | "signal" | "recordGeneration">,
): Promise<void> {
  await recordGeneration();
  await syncFilesystem(host.exec, filesDir, signal);
  const now = host.clock.now();
  const written = (await image.stat(signal))?.writtenAt;
  const differMs = written === undefined ? 0 : Math.abs(now.getTime() - written.getTime());
  if (differMs <= clocksDifferMs) return;
  throw new LuksmithError(
    "refused",
    `the clocks of this machine (${now.toISOString()}) and of the backup host (${written?.toISOString()}) differ by ${formatDuration(differMs)}: no snapshot is removed by its age`,
    {
      hint: "put right the one that is wrong; what is named with luksmith prune JOB --snapshot is removed all the same",
    },
  );
}

/**
 * What each backup of a job with `keep` ends with. The snapshot is made by then, and a removal that fails takes nothing from that:
 * it is told as a warning, unless the volume itself is lost.
 */
export async function pruneAfterBackup(host: Host, job: JobConfig, attached: Attached, run: RunContext): Promise<void> {
  const { filesDir, signal } = attached;
  try {
    const entries = await readJobDirectory(host, filesDir, job.name, signal);
    const { judgements, plan } = await planPolicy(host, job, attached, entries);
    warnOfFuture(job, judgements, run);
    if (plan.remove.length === 0) return;
    await run.step("prune", async () => {
      await requireClocks(host, attached);
      await removeSnapshots(host, job, attached, entries, plan);
    });
    run.note(`removed ${plural(plan.remove.length, "snapshot")} that no rule keeps: ${plan.remove.join(", ")}`);
  } catch (error) {
    if (signal.aborted) throw error;
    // a failed write is told of once: whoever ends the run must know
    await syncFilesystem(host.exec, filesDir, signal);
    run.warn(`old snapshots stay: ${error instanceof Error ? error.message : String(error)}`);
  }
}
