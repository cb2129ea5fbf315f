/** Which schedules a machine goes by. Pure. */

import { createHash } from "node:crypto";
import { type ScheduleAssignment, Schedules, type Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type Selectable, Selector } from "../selector/selector.ts";
import type { FleetSchedule } from "./fleet-schedule.ts";
import { fleetVerbs } from "./fleet-verb.ts";
import type { AppliedSchedule } from "./plan-apply.ts";

export interface AssignedMachine extends Selectable {
  readonly state: "pending" | "active" | "revoked";
  readonly enrolledMs: number;
}

/** A machine without a name has the empty one. */
export function assigned({
  name = "",
  labels,
  state,
  enrolledMs,
}: Omit<AssignedMachine, "name"> & { readonly name: string | undefined }): AssignedMachine {
  return { name, labels, state, enrolledMs };
}

/** Enough to tell one set of schedules from another. */
const revisionDigits = 32;

/** Those of the fleet, read once for many machines. */
export class FleetSchedules {
  readonly #schedules: readonly { readonly applied: AppliedSchedule; readonly selector: Selector }[];

  constructor(applied: readonly AppliedSchedule[]) {
    this.#schedules = applied
      .toSorted((a, b) => (a.schedule.name < b.schedule.name ? -1 : 1))
      .map((each) => ({ applied: each, selector: Selector.parse(each.schedule.selector) }));
  }

  /** Those that are about the machine, by name. Of one that is not of the fleet yet, or no more: none. */
  of(machine: AssignedMachine): AppliedSchedule[] {
    if (machine.state !== "active") return [];
    return this.#schedules.filter(({ selector }) => selector.matches(machine)).map(({ applied }) => applied);
  }
}

/** What the machine is told. The revision is empty when there are none. */
export function assignmentsFor(machine: AssignedMachine, schedules: FleetSchedules): Schedules {
  const assignments = schedules.of(machine).map((applied) => assignmentOf(applied, machine.enrolledMs));
  if (assignments.length === 0) return { revision: "", assignments };
  const bytes = Schedules.encode({ revision: "", assignments }).finish();
  const revision = createHash("sha256").update(bytes).digest("hex").slice(0, revisionDigits);
  return { revision, assignments };
}

function assignmentOf({ schedule, sinceMs }: AppliedSchedule, enrolledMs: number): ScheduleAssignment {
  const { fleet, perBackupHost } = schedule.maxConcurrent;
  return {
    schedule: schedule.name,
    work: workOf(schedule),
    cron: schedule.cron,
    timezone: schedule.timezone ?? "",
    splayMs: schedule.splayMs,
    windows: schedule.windows.map(({ days, fromMinute, toMinute }) => ({ days: [...days], fromMinute, toMinute })),
    needsPermit: fleet !== undefined || perBackupHost !== undefined,
    // what was before it came is no occurrence that it has missed
    since: new Date(Math.max(sinceMs, enrolledMs)),
    maxAgeMs: schedule.maxAgeMs ?? 0,
  };
}

export function workOf(schedule: FleetSchedule): Work {
  const { verb, job = "", volume = "", level = "", deadlineMs = 0, retry } = schedule;
  return {
    verb: fleetVerbs[verb].verb,
    job,
    volume,
    dryRun: false,
    level,
    deadlineMs,
    retry: retry && {
      attempts: retry.attempts ?? 0,
      waitMs: retry.firstWaitMs ?? 0,
      longestWaitMs: retry.longestWaitMs ?? 0,
    },
  };
}
