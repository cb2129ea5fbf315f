/** Starting what is about a job, for whoever may ask for it: people, schedules, the fleet. */

import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { BackupOptions } from "../backup/backup.ts";
import { backupSources } from "../backup/own-backup.ts";
import { asItsUser } from "../backup/sourced-job.ts";
import type { JobConfig } from "../config/job.ts";
import { type DrillOptions, drill } from "../drill/drill.ts";
import { PruneBegun, type PruneOptions, prune, requirePruneRequest } from "../prune/prune.ts";
import { type LevelOptions, verifyAt } from "../verify/levels.ts";
import { requireSampleOptions } from "../verify/spot.ts";
import type { Asked, Machine } from "./machine.ts";
import { startOnVolume } from "./start-on-volume.ts";

/**
 * @param named sources that the job's user has named, as requireNamable has them
 * @throws {LuksmithError} as {@link startOnVolume}
 */
export function startBackup(
  machine: Machine,
  job: JobConfig,
  { named, ...options }: BackupOptions & { named: readonly string[] },
  asked: Asked,
): Promise<{ run: Run }> {
  const { host, pins, users } = machine;
  const deadline = job.deadlineMs === undefined ? {} : { deadlineMs: job.deadlineMs };
  const { dryRun } = options;
  const request = { verb: Verb.BACKUP, volume: job.volume, job: job.name, dryRun, ...deadline, ...asked };
  return startOnVolume(machine, request, (target, run) =>
    backupSources(host, pins, users, job, named, target, options, run),
  );
}

/** @throws {LuksmithError} "usage"; as {@link startOnVolume} */
export async function startVerify(
  machine: Machine,
  job: JobConfig,
  options: LevelOptions,
  asked: Asked,
): Promise<{ run: Run }> {
  const { host, pins, users } = machine;
  requireSampleOptions(options);
  const request = { verb: Verb.VERIFY, volume: job.volume, job: job.name, ...asked };
  return startOnVolume(machine, request, async (target, run) =>
    verifyAt(host, pins, await asItsUser(users, job), target, options, run),
  );
}

/** @throws {LuksmithError} "usage"; as {@link startOnVolume} */
export async function startDrill(
  machine: Machine,
  job: JobConfig,
  options: DrillOptions,
  asked: Asked,
): Promise<{ run: Run }> {
  const { host, pins, users } = machine;
  requireSampleOptions(options);
  const request = { verb: Verb.DRILL, volume: job.volume, job: job.name, ...asked };
  return startOnVolume(machine, request, async (target, run) =>
    drill(host, pins, await asItsUser(users, job), target, options, run),
  );
}

/** @throws {LuksmithError} when the job has no rules and nothing is named; as {@link startOnVolume} */
export async function startPrune(
  machine: Machine,
  job: JobConfig,
  options: Omit<PruneOptions, "begun">,
  asked: Asked,
): Promise<{ run: Run }> {
  const { host, pins } = machine;
  requirePruneRequest(job, options);
  const { dryRun } = options;
  const request = { verb: Verb.PRUNE, volume: job.volume, job: job.name, dryRun, ...asked };
  const begun = new PruneBegun();
  return startOnVolume(machine, request, (target, run) => prune(host, pins, job, target, { ...options, begun }, run));
}
