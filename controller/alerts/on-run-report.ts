/** What reports of runs mean to those who watch a schedule from outside. */

import type { RunReport } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type FleetSchedule, isAboutJob, scheduleFromJson } from "../schedule/fleet-schedule.ts";
import { fleetVerbs } from "../schedule/fleet-verb.ts";
import { Selector } from "../selector/selector.ts";
import { addDeliveries, withdrawDeliveries, withdrawSuperseded } from "../store/deliveries.ts";
import { isGoodBackup } from "../store/job-states.ts";
import type { Database } from "../store/schema.ts";
import { pingUrl, planPing } from "./ping.ts";

/** Of one that is revoked, what it was doing has failed. */
const haveSchedules = ["active", "revoked"] as const;

/** A machine that was away tells of what it did meanwhile; by then that is no news. */
const longAgoMs = 86_400_000;

interface Reported {
  readonly machineId: string;
  readonly report: RunReport;
}

interface WatchedSchedule {
  readonly definition: FleetSchedule;
  readonly ping: string;
  readonly selector: Selector;
}

/**
 * To be called in the transaction that records the reports, so that neither is there without the other. A run of a schedule is told
 * to that schedule's; one that no schedule has begun, if it made a backup, to all that are about that.
 * @param mayPing asked for each address that is to be told of something
 */
export async function storePings(
  transaction: Database,
  reports: readonly Reported[],
  nowMs: number,
  mayPing: (machineId: string, isScheduled: boolean) => boolean = () => true,
): Promise<void> {
  const telling = reports.filter(({ report }) => isToBeTold(report, nowMs));
  if (telling.length === 0) return;
  const schedules = await watchedSchedules(transaction);
  if (schedules.length === 0) return;
  const machines = await machinesOf(transaction, [...new Set(telling.map(({ machineId }) => machineId))]);
  const plans = telling.flatMap(({ machineId, report: { run, cause } }) => {
    const machine = machines.get(machineId);
    if (run === undefined || machine === undefined) return [];
    const { verb, job, volume, id: runId, state } = run;
    const scheduled = cause?.schedule ?? "";
    // whoever says that a run is of this schedule must have it
    const its = schedules.filter(
      ({ definition, selector }) =>
        (scheduled === "" || scheduled === definition.name) &&
        fleetVerbs[definition.verb].verb === verb &&
        isAboutJob(definition, job) &&
        selector.matches(machine),
    );
    const urls = new Map(
      its.map(({ ping, definition }) => [pingUrl(ping, machine.name, job || volume), definition.name] as const),
    );
    return [...urls].flatMap(([url, schedule]) =>
      mayPing(machineId, scheduled !== "") ? [planPing({ machineId, runId, schedule, state }, url, nowMs)] : [],
    );
  });
  await addDeliveries(
    transaction,
    plans.map(({ add }) => add),
  );
  await withdrawDeliveries(
    transaction,
    plans.flatMap(({ withdraw }) => withdraw),
  );
  await withdrawSuperseded(
    transaction,
    plans.flatMap(({ supersedes }) => supersedes),
  );
}

/**
 * Who begins a run by hand sees how it fares, and what else is done by hand may be a part of it only; that there is a backup
 * is true whoever has made it, unless it was long ago. Pure.
 */
function isToBeTold({ run, cause }: RunReport, nowMs: number): boolean {
  if (run === undefined) return false;
  if (cause?.schedule) return true;
  return isGoodBackup(run) && run.finishedAt !== undefined && nowMs - run.finishedAt.getTime() < longAgoMs;
}

async function watchedSchedules(transaction: Database): Promise<WatchedSchedule[]> {
  // there are few, and fewer with a ping
  const rows = await transaction
    .selectFrom("schedules")
    .select("definition")
    .where("definition", "like", '%"ping":%')
    .orderBy("name")
    .execute();
  return rows.flatMap((row) => {
    try {
      const definition = scheduleFromJson(row.definition);
      const { ping, selector } = definition;
      return ping === undefined ? [] : [{ definition, ping, selector: Selector.parse(selector) }];
    } catch {
      // a newer controller's: what machines report is recorded all the same
      return [];
    }
  });
}

async function machinesOf(transaction: Database, ids: readonly string[]) {
  const rows = await transaction
    .selectFrom("machines")
    .select(["id", "name", "labels"])
    .where("id", "in", ids)
    .where("state", "in", [...haveSchedules])
    .execute();
  return new Map(
    rows.map(({ id, name, labels }) => [
      id,
      { name: name ?? "", labels: JSON.parse(labels) as Record<string, string> },
    ]),
  );
}
