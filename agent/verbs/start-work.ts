/** Starting what a schedule, or an operator of the fleet, wants done. It names nothing but what the configuration has. */

import { longestDeadlineMs, shortestDeadlineMs } from "../../common/config/deadline.ts";
import { LuksmithError } from "../../common/errors.ts";
import { longestFirstWaitMs, longestWaitMs, mostAttempts } from "../../common/schedule/retry-rule.ts";
import { VerifyLevel } from "../../proto/gen/luksmith/v1/agent.ts";
import type { Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { RetryPolicy } from "../runs/retry.ts";
import { findJob, findVolume } from "../volume/target.ts";
import { startBackup, startDrill, startPrune, startVerify } from "./job-verbs.ts";
import type { Asked, Machine } from "./machine.ts";
import { startCheck, startTrim } from "./volume-verbs.ts";

const levels: Readonly<Record<string, VerifyLevel>> = {
  "": VerifyLevel.UNSPECIFIED,
  quick: VerifyLevel.QUICK,
  spot: VerifyLevel.SPOT,
  full: VerifyLevel.FULL,
  scrub: VerifyLevel.SCRUB,
};

/**
 * @param work about one job, or one volume
 * @throws {LuksmithError} "not_found" for what the configuration does not have, or a volume that was not created here; "usage"
 *   for what is not among the verbs; "locked" while the volume is in use
 */
export async function startWork(
  machine: Machine,
  work: Work,
  asked: Pick<Asked, "caller" | "registered">,
): Promise<{ run: Run }> {
  const { config } = machine;
  const { dryRun } = work;
  const limited = { ...asked, ...limitsOf(work, config.runs.retry) };
  const job = () => findJob(config, work.job);
  const volume = () => findVolume(config, work.volume).volume.name;
  switch (work.verb) {
    case Verb.BACKUP:
      return startBackup(machine, job(), { named: [], dryRun, acceptRollback: false }, limited);
    case Verb.VERIFY: {
      const options = { snapshot: "", acceptRollback: false, level: levelOf(work), sampleBytes: 0, seed: "" };
      return startVerify(machine, job(), options, limited);
    }
    case Verb.DRILL: {
      const everything = { snapshot: "", path: new Uint8Array(), sampleBytes: 0, seed: "" };
      return startDrill(machine, job(), { ...everything, scratch: undefined, acceptRollback: false }, limited);
    }
    case Verb.PRUNE:
      return startPrune(machine, job(), { partial: false, snapshots: [], dryRun }, limited);
    case Verb.TRIM:
      return startTrim(machine, volume(), { dryRun }, limited);
    case Verb.CHECK_VOLUME:
      return startCheck(machine, volume(), { acceptRollback: false, repair: false }, limited);
    default:
      throw new LuksmithError("usage", "this is nothing that a schedule or an operator can have done");
  }
}

function levelOf({ level }: Work): VerifyLevel {
  const found = Object.hasOwn(levels, level) ? levels[level] : undefined;
  if (found !== undefined) return found;
  throw new LuksmithError("usage", "there is no such level of verifying", { hint: "quick, spot, full or scrub" });
}

/** What comes from elsewhere is kept within what the configuration could say. */
function limitsOf({ deadlineMs, retry }: Work, own: RetryPolicy): Pick<Asked, "retry" | "deadlineMs"> {
  return {
    retry: retryPolicyOf(retry, own),
    ...(deadlineMs > 0 ? { deadlineMs: Math.min(Math.max(deadlineMs, shortestDeadlineMs), longestDeadlineMs) } : {}),
  };
}

export function retryPolicyOf(rule: Work["retry"], own: RetryPolicy): RetryPolicy {
  const { attempts = 0, waitMs = 0, longestWaitMs: longestMs = 0 } = rule ?? {};
  return {
    attempts: Math.min(attempts || own.attempts, mostAttempts),
    firstWaitMs: Math.min(waitMs || own.firstWaitMs, longestFirstWaitMs),
    longestWaitMs: Math.min(longestMs || own.longestWaitMs, longestWaitMs),
  };
}
