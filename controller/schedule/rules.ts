/** What the schedules in force mean to those who go by them: machines, who gives leave to begin, and who watches. */

import type { Schedules } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { Expectation } from "../alerts/condition.ts";
import type { MachineHead } from "../store/machines.ts";
import { listSchedules } from "../store/schedules.ts";
import type { Database } from "../store/schema.ts";
import { assigned, assignmentsFor, FleetSchedules } from "./assignments.ts";
import { expectationsOf } from "./expected-age.ts";
import type { FleetSchedule } from "./fleet-schedule.ts";

/** Read once, for many machines. */
export async function readAssignments(database: Database): Promise<(machine: MachineHead) => Schedules> {
  const schedules = new FleetSchedules(await listSchedules(database));
  // most machines have the same, and each keeps what it has been told
  const same = new Map<string, Schedules>();
  return (machine) => {
    const assignments = assignmentsFor(assigned(machine), schedules);
    const known = same.get(assignments.revision) ?? assignments;
    same.set(assignments.revision, known);
    return known;
  };
}

/** By the schedule's name. */
export async function readPermitLimits(
  database: Database,
): Promise<ReadonlyMap<string, FleetSchedule["maxConcurrent"] & Pick<FleetSchedule, "deadlineMs">>> {
  const schedules = await listSchedules(database);
  return new Map(
    schedules.map(({ schedule: { name, maxConcurrent, deadlineMs } }) => [name, { ...maxConcurrent, deadlineMs }]),
  );
}

interface ExpectedMachine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly enrolledMs: number;
  readonly jobs: readonly { readonly job: string }[];
}

/** Which backups each machine is to make, and how often at the least. */
export async function readExpectations(
  database: Database,
): Promise<(machine: ExpectedMachine) => readonly Expectation[]> {
  const schedules = new FleetSchedules(await listSchedules(database));
  return ({ jobs, ...machine }) => {
    const about = schedules.of({ ...machine, state: "active" }).filter(({ schedule }) => schedule.verb === "backup");
    return expectationsOf(about, jobs, machine.enrolledMs);
  };
}
