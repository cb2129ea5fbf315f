/** Which backups a machine is to have, and how old the newest of each may become. Pure. */

import { anyJob, type Expectation } from "../alerts/condition.ts";
import { isAboutJob } from "./fleet-schedule.ts";
import type { AppliedSchedule } from "./plan-apply.ts";

/**
 * One for each job that the machine has or that is named: a job that is named is expected also of a machine that does not have it. And one
 * for the machine as a whole when each of its jobs is to be backed up and none is known, or nobody would hear of it.
 * @param about schedules of backups that are about the machine
 * @param jobs that it is known to have
 */
export function expectationsOf(
  about: readonly AppliedSchedule[],
  jobs: readonly { readonly job: string }[],
  enrolledMs: number,
): Expectation[] {
  const named = about.flatMap(({ schedule: { job } }) => (job === undefined || job === "*" ? [] : [job]));
  const all = [...new Set([...jobs.map(({ job }) => job), ...named])];
  const expected = all.flatMap((job) => expectationOf(about, job, enrolledMs));
  return jobs.length === 0 && expected.length === 0 ? expectationOf(about, anyJob, enrolledMs) : expected;
}

/** Of several schedules the strictest. @returns none: however old */
function expectationOf(about: readonly AppliedSchedule[], job: string, enrolledMs: number): Expectation[] {
  return about
    .filter(({ schedule }) => isAboutJob(schedule, job))
    .flatMap(({ schedule: { maxAgeMs }, sinceMs }) =>
      maxAgeMs === undefined ? [] : [{ job, maxAgeMs, sinceMs: Math.max(sinceMs, enrolledMs) }],
    )
    .toSorted((a, b) => a.maxAgeMs - b.maxAgeMs)
    .slice(0, 1);
}
