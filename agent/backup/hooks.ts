/** Programs of the operator's, before and after a backup. They run as root, by argv, with what they may know in the environment. */

import { isAbsolute } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import type { Argv } from "../config/command.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext } from "../runs/context.ts";
import { walkPath } from "../system/path-walk.ts";

/** EX_TEMPFAIL of sysexits.h, with the meaning borgmatic gave it: not now, and that is no failure. */
const skipExitCode = 75;

/** "retrying": it failed, and is tried again after a while, hooks included. */
export type HookOutcome = "done" | "incomplete" | "skipped" | "failed" | "retrying" | "cancelled";

/** @returns "skip" when one of them said that there is nothing to do now @throws {LuksmithError} "hook_failed" */
export async function runBeforeHooks(exec: Exec, job: JobConfig, run: RunContext): Promise<"go" | "skip"> {
  for (const command of job.before) {
    const exitCode = await runHook(exec, job, command, run, {}, run.signal);
    if (exitCode === skipExitCode) return "skip";
  }
  return "go";
}

/**
 * All of them, whatever the outcome was and even when one fails: a database may be waiting to be thawed. They are not
 * cut short by a cancelled run, but by one that was told so twice, or whose agent has been stopping for a minute.
 * @throws {LuksmithError} "hook_failed" after all have run
 */
export async function runAfterHooks(
  exec: Exec,
  job: JobConfig,
  run: RunContext,
  outcome: HookOutcome,
  snapshot: string,
) {
  let failure: unknown;
  for (const command of job.after) {
    const env = { LUKSMITH_OUTCOME: outcome, LUKSMITH_SNAPSHOT: snapshot };
    await runHook(exec, job, command, run, env, run.hurry).catch((error: unknown) => {
      failure ??= error;
    });
  }
  if (failure !== undefined) throw failure;
}

async function runHook(
  exec: Exec,
  job: JobConfig,
  command: Argv,
  run: RunContext,
  env: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const [file, ...args] = command;
  await requireRoots(exec, file, signal);
  const finished = await exec({
    file,
    args,
    env: { LUKSMITH_JOB: job.name, LUKSMITH_VOLUME: job.volume, LUKSMITH_RUN: run.runId, ...env },
    deadlineMs: job.hookTimeoutMs,
    signal,
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw hookFailed(file, error instanceof Error ? error.message : String(error), error);
  });
  if (finished.exitCode === 0 || finished.exitCode === skipExitCode) return finished.exitCode;
  throw hookFailed(file, `exit code ${finished.exitCode}: ${lastWords(finished)}`, finished);
}

/** It is run as root: whoever could put another in its place would be root. @throws {LuksmithError} "hook_failed" */
async function requireRoots(exec: Exec, file: string, signal: AbortSignal | undefined): Promise<void> {
  // a name alone is looked up where only root's programs are
  if (!isAbsolute(file)) return;
  const { open, missing } = await walkPath(exec, file, signal).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw hookFailed(file, `it cannot be looked at: ${error instanceof Error ? error.message : error}`, error);
  });
  // it may be there, and somebody else's, by the time that it is started
  if (open === undefined && missing.length > 0) throw hookFailed(file, "it is not there", undefined);
  if (open === undefined) return;
  throw new LuksmithError("hook_failed", `hook ${file} was not run as root: others can change ${open}`, {
    hint: `it has to be root's, with all that is above it: chown root ${open}; chmod go-w ${open}`,
  });
}

function hookFailed(file: string, why: string, cause: unknown): LuksmithError {
  return new LuksmithError("hook_failed", `hook ${file} failed: ${why}`, {
    hint: "exit code 75 from a before hook skips the run without failing",
    cause,
  });
}
