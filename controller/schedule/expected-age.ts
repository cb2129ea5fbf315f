/** How old a job's newest snapshot may become. Pure. */

import type { AppliedSchedule } from "./plan-apply.ts";

export interface ExpectedAge {
  readonly maxAgeMs: number;
  /** Nothing was asked for before. */
  readonly sinceMs: number;
}

/** The strictest of the schedules. @param schedules those that are about the job @returns undefined: however old */
export function expectedAge(schedules: readonly AppliedSchedule[], enrolledMs: number): ExpectedAge | undefined {
  const [strictest] = schedules
    .flatMap(({ schedule: { maxAgeMs }, sinceMs }) =>
      maxAgeMs === undefined ? [] : [{ maxAgeMs, sinceMs: Math.max(sinceMs, enrolledMs) }],
    )
    .toSorted((a, b) => a.maxAgeMs - b.maxAgeMs);
  return strictest;
}
