/** What a schedule asks of this machine, wherever it comes from: the configuration, or the controller of its fleet. */

import { isName } from "../../common/config/names.ts";
import { isTimezone, localTimezone } from "../../common/config/timezone.ts";
import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { cronFault } from "../../common/schedule/occurrences.ts";
import type { RetryRule } from "../../common/schedule/retry-rule.ts";
import { type ScheduleTimes, timesFaults } from "../../common/schedule/times-faults.ts";
import type { Window } from "../../common/schedule/windows.ts";
import { type ScheduleAssignment, Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { JobConfig } from "../config/job.ts";
import { isVerbOfSchedules } from "./task.ts";

export interface Assignment {
  /** Unique among those of this machine. */
  readonly schedule: string;
  readonly work: Work;
  readonly times: ScheduleTimes & { readonly timezone: string };
  readonly needsPermit: boolean;
  /** Occurrences before that are not this machine's; undefined: before it was first seen. */
  readonly sinceMs: number | undefined;
}

/** A schedule of the fleet cannot be called like one of the configuration: no name has a dot. */
const ownPrefix = "jobs.";
const dayMinutes = 24 * 60;
const mostWindows = 100;

/** As the configuration names the place: `jobs.home`. */
export function ownAssignments(jobs: Iterable<JobConfig>): Assignment[] {
  return [...jobs].flatMap(({ name, timezone, schedule }) => {
    if (schedule === undefined) return [];
    const { cron, splayMs, windows, maxAgeMs, deadlineMs, retry } = schedule;
    return {
      schedule: `${ownPrefix}${name}`,
      work: Work.create({ verb: Verb.BACKUP, job: name, deadlineMs: deadlineMs ?? 0, retry: retryOnWire(retry) }),
      times: { cron, splayMs, windows, maxAgeMs, timezone: schedule.timezone ?? timezone ?? localTimezone() },
      needsPermit: false,
      sinceMs: undefined,
    };
  });
}

function retryOnWire(rule: RetryRule | undefined): Work["retry"] {
  if (rule === undefined) return undefined;
  const { attempts = 0, firstWaitMs = 0, longestWaitMs = 0 } = rule;
  return { attempts, waitMs: firstWaitMs, longestWaitMs };
}

/** @throws {LuksmithError} "config" for what no schedule can say, whatever the controller has let pass */
export function readAssignment(given: ScheduleAssignment): Assignment {
  const { schedule, work, cron, splayMs, maxAgeMs, needsPermit, since } = given;
  const refuse = (why: string) => new LuksmithError("config", `schedule ${quoteText(schedule)}: ${why}`);
  if (!isName(schedule)) throw refuse("cannot be called so");
  if (work === undefined || !isVerbOfSchedules(work.verb)) throw refuse("asks for nothing that can be scheduled");
  const fault = cronFault(cron);
  if (fault !== undefined) throw refuse(`cron ${fault}`);
  const timezone = given.timezone || localTimezone();
  if (!isTimezone(timezone)) throw refuse("there is no such time zone");
  const windows = given.windows.map(({ days, fromMinute, toMinute }) => ({ days, fromMinute, toMinute }));
  if (windows.length > mostWindows || !windows.every(isWindow)) throw refuse("there is no such window");
  const times = { cron, timezone, splayMs, windows, maxAgeMs: maxAgeMs === 0 ? undefined : maxAgeMs };
  const [wrong] = timesFaults(times);
  if (wrong !== undefined) throw refuse(`${wrong.key} ${wrong.message}`);
  return { schedule, work, times, needsPermit, sinceMs: since?.getTime() };
}

function isWindow({ days, fromMinute, toMinute }: Window): boolean {
  return (
    days.every((day) => day >= 1 && day <= 7) &&
    fromMinute < dayMinutes &&
    toMinute >= 1 &&
    toMinute <= dayMinutes &&
    fromMinute !== toMinute
  );
}
