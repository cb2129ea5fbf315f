/** Machines, schedules, runs and their events as tests want them. */

import { scheduleToJson } from "../../../../controller/schedule/fleet-schedule.ts";
import { readSchedules } from "../../../../controller/schedule/schedule-file.ts";
import type { NewMachine } from "../../../../controller/store/machines.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import { RunReport } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, RunEvent, RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";

export function newMachine(id: string, change: Partial<NewMachine> = {}): NewMachine {
  return {
    ...{ id, name: `name-${id}`, hostname: `host-${id}`, state: "active", labels: {} },
    ...{ version: "1", tokenId: "t", enrolledMs: 1 },
    ...change,
  };
}

export function reportOf(id: string, run: Partial<Run> = {}, cause: Partial<RunReport["cause"]> = {}): RunReport {
  const startedAt = run.startedAt ?? new Date(1_000_000);
  const state = run.state ?? RunState.RUNNING;
  const finishedAt = state === RunState.RUNNING ? undefined : new Date(startedAt.getTime() + 1000);
  return RunReport.fromPartial({
    run: { id, verb: Verb.BACKUP, job: "home", volume: "v", state, startedAt, finishedAt, ...run },
    cause,
  } as Parameters<typeof RunReport.fromPartial>[0]);
}

export function noteEvent(seq: number, message = `note ${seq}`): RunEvent {
  return RunEvent.fromPartial({ seq, time: new Date(1_000_000 + seq), kind: { $case: "note", value: { message } } });
}

export function encodedNote(seq: number): Uint8Array {
  return RunEvent.encode(noteEvent(seq)).finish();
}

/** As it would be after `fleet apply`. @param text of one schedule @param sinceMs from when on it is asked for */
export async function insertSchedule(database: Database, text: string, sinceMs = 0): Promise<void> {
  const [definition] = readSchedules(text, "s.yaml");
  if (definition === undefined) throw new Error("there is no schedule in it");
  await database
    .insertInto("schedules")
    .values({
      ...{ name: definition.name, definition: scheduleToJson(definition), text: "", revision: 1 },
      ...{ since_ms: sinceMs, changed_ms: sinceMs, changed_by: "a" },
    })
    .execute();
}
