/** How the jobs of machines stand. */

import { isOverdue } from "../../common/schedule/overdue.ts";
import type { MachineJobState } from "../../proto/gen/luksmith/v1/controller.ts";
import { assigned, FleetSchedules } from "../schedule/assignments.ts";
import { expectationsOf } from "../schedule/expected-age.ts";
import { isAboutJob } from "../schedule/fleet-schedule.ts";
import { nextOccurrence } from "../schedule/next-occurrence.ts";
import type { AppliedSchedule } from "../schedule/plan-apply.ts";
import { listJobStates } from "../store/job-states.ts";
import type { Machine } from "../store/machines.ts";
import { getRuns } from "../store/runs.ts";
import { listSchedules } from "../store/schedules.ts";
import { moment, runMessage } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { calledName } from "./visible.ts";

/** By the machines' ids. */
export async function jobMessages(
  { clock, store, view }: Pick<ControllerParts, "clock" | "store" | "view">,
  machines: readonly Machine[],
): Promise<ReadonlyMap<string, MachineJobState[]>> {
  const nowMs = clock.now().getTime();
  const schedules = new FleetSchedules(await listSchedules(store.database));
  const states = await listJobStates(
    store.database,
    machines.map(({ id }) => id),
  );
  const runs = await getRuns(
    store.database,
    states.flatMap(({ machineId, last }) => (last === undefined ? [] : [{ machineId, runId: last.runId }])),
  );
  const runOf = new Map(runs.map((run) => [`${run.machineId} ${run.runId}`, run]));
  const progress = await view.progress();
  const statesOf = Map.groupBy(states, ({ machineId }) => machineId);
  // the same for each machine that a schedule is about
  const nexts = new Map<AppliedSchedule, number | undefined>();
  const nextOf = (applied: AppliedSchedule) => {
    if (!nexts.has(applied)) nexts.set(applied, nextOccurrence(applied.schedule, Math.max(nowMs, applied.sinceMs)));
    return nexts.get(applied);
  };
  return new Map(
    machines.map((machine) => {
      const about = schedules.of(assigned(machine)).filter(({ schedule }) => schedule.verb === "backup");
      const known = statesOf.get(machine.id) ?? [];
      const expectations = expectationsOf(about, known, machine.enrolledMs);
      // what is expected of it, and it does not tell of
      const missing = expectations.filter(({ job }) => !known.some((each) => each.job === job));
      const unknown = missing.map(({ job }) => ({ job, lastGoodMs: undefined, last: undefined, sinceMs: 0 }));
      const jobs = [...known, ...unknown].map(({ job, lastGoodMs, last, sinceMs }): MachineJobState => {
        const own = about.filter(({ schedule }) => isAboutJob(schedule, job));
        const expected = expectations.find((each) => each.job === job);
        const run = last === undefined ? undefined : runOf.get(`${machine.id} ${last.runId}`);
        const coming = own.map(nextOf).filter((next) => next !== undefined);
        return {
          job,
          lastGood: moment(lastGoodMs),
          last: run && runMessage(run, calledName(machine), progress, nowMs),
          maxAgeMs: expected?.maxAgeMs ?? 0,
          overdue:
            expected !== undefined &&
            isOverdue({ lastGoodMs, sinceMs: Math.max(sinceMs, expected.sinceMs), maxAgeMs: expected.maxAgeMs }, nowMs),
          next: coming.length === 0 ? undefined : moment(Math.min(...coming)),
        };
      });
      return [machine.id, jobs];
    }),
  );
}
