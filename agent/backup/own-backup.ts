/** A backup as it was asked for: of the sources that the job names, that its user names now, or has named last. */

import type { UserDatabase } from "../access/user-database.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "../volume/pin.ts";
import { type BackupOptions, backup } from "./backup.ts";
import { lastNamed, rememberNamed } from "./last-named.ts";
import { requireReadable } from "./named-sources.ts";
import { asItsUser } from "./sourced-job.ts";

/** @param named as {@link requireNamable} has them; empty: nothing was named */
export async function backupSources(
  host: Host,
  pins: PinStore,
  users: UserDatabase,
  job: JobConfig,
  named: readonly string[],
  target: Target,
  options: BackupOptions,
  run: RunContext,
): Promise<RunResult> {
  const own = await asItsUser(users, job);
  if (named.length > 0) await requireReadable(host.exec, own, named, run.signal);
  const isOfJob = named.length === 0 && job.sources.length > 0;
  const sources = isOfJob ? job.sources : named.length > 0 ? named : await lastNamed(host.stateDir, job);
  const result = await backup(host, pins, { ...own, sources }, target, options, run);
  if (named.length > 0 && job.sources.length === 0 && !options.dryRun && result.state !== "skipped") {
    await rememberNamed(host.stateDir, job, named).catch(() =>
      run.note("what was named cannot be remembered: it has to be named again next time"),
    );
  }
  return result;
}
