/** Carrying a prune's plan out. */

import { join } from "node:path";
import { mustRun } from "../../common/exec.ts";
import { PartialStates } from "../backup/partial-states.ts";
import type { JobConfig } from "../config/job.ts";
import type { SnapshotEntry } from "../snapshots/entries.ts";
import { pointLatest } from "../snapshots/latest.ts";
import { parseSnapshotName, partialName } from "../snapshots/name.ts";
import { dropRecords } from "../snapshots/record.ts";
import type { Attached } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { PrunePlan } from "./plan.ts";

/**
 * Each is renamed to unfinished first: cut short, what is left of it can never pass for a whole snapshot, and the next backup or
 * prune removes it.
 * @param entries what is in the job's directory now, oldest first
 */
export async function removeSnapshots(
  host: Host,
  job: JobConfig,
  {
    filesDir,
    filesystem,
    signal,
    recordGeneration,
  }: Pick<Attached, "filesDir" | "filesystem" | "signal" | "recordGeneration">,
  entries: readonly SnapshotEntry[],
  plan: PrunePlan,
): Promise<void> {
  const { exec, clock, stateDir } = host;
  const states = await PartialStates.read({ exec, clock, stateDir, filesDir, signal }, job, entries);
  const jobDir = join(filesDir, job.name);
  const operate = (file: string, args: string[]) => mustRun(exec, { file, args, deadlineMs: volumeDeadlineMs, signal });
  if (plan.latest !== undefined) {
    await pointLatest(exec, jobDir, plan.latest, signal);
  } else if (plan.empties) {
    await operate("rm", ["--force", "--", join(jobDir, "latest")]);
  }
  for (const name of plan.remove) {
    const doomed = name.endsWith(".partial") ? name : partialName(name);
    // what is left of it, when this is cut short, must not be gone on with either
    await states.forget(doomed);
    if (doomed !== name) await operate("mv", ["--no-target-directory", "--", join(jobDir, name), join(jobDir, doomed)]);
    await filesystem.remove(exec, join(jobDir, doomed), signal);
  }
  const gone = plan.remove.filter((name) => parseSnapshotName(name)?.partial === false);
  if (gone.length > 0) await dropRecords(exec, filesDir, job.name, new Set(gone), signal);
  await recordGeneration();
  await syncFilesystem(exec, filesDir, signal);
}
