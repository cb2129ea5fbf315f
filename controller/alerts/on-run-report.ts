/** What reports of runs mean to those who watch a schedule from outside. */

import type { RunReport } from "../../proto/gen/luksmith/v1/fleet.ts";
import { isAboutJob, scheduleFromJson } from "../schedule/fleet-schedule.ts";
import { fleetVerbs } from "../schedule/fleet-verb.ts";
import { Selector } from "../selector/selector.ts";
import { addDeliveries, withdrawDeliveries } from "../store/deliveries.ts";
import type { Database } from "../store/schema.ts";
import { pingUrl, planPing } from "./ping.ts";

/** Of one that is revoked, what it was doing has failed. */
const haveSchedules = ["active", "revoked"] as const;

interface Reported {
  readonly machineId: string;
  readonly report: RunReport;
}

/** To be called in the transaction that records the reports, so that neither is there without the other. */
export async function storePings(transaction: Database, reports: readonly Reported[], nowMs: number): Promise<void> {
  const scheduled = reports.filter(({ report }) => report.run !== undefined && report.cause?.schedule);
  if (scheduled.length === 0) return;
  const schedules = await watchedSchedules(transaction, [
    ...new Set(scheduled.map(({ report }) => report.cause?.schedule ?? "")),
  ]);
  const about = scheduled.filter(({ report }) => schedules.has(report.cause?.schedule ?? ""));
  if (about.length === 0) return;
  const machines = await machinesOf(transaction, [...new Set(about.map(({ machineId }) => machineId))]);
  const plans = about.flatMap(({ machineId, report: { run, cause } }) => {
    const machine = machines.get(machineId);
    const schedule = schedules.get(cause?.schedule ?? "");
    if (run === undefined || machine === undefined || schedule === undefined) return [];
    // whoever says that a run is of this schedule must have it
    const { definition, selector } = schedule;
    const isIts =
      fleetVerbs[definition.verb].verb === run.verb && isAboutJob(definition, run.job) && selector.matches(machine);
    if (!isIts) return [];
    const url = pingUrl(schedule.ping, machine.name, run.job || run.volume);
    return [planPing({ machineId, runId: run.id, state: run.state }, url, nowMs)];
  });
  await addDeliveries(
    transaction,
    plans.map(({ add }) => add),
  );
  await withdrawDeliveries(
    transaction,
    plans.flatMap(({ withdraw }) => withdraw),
  );
}

async function watchedSchedules(transaction: Database, names: readonly string[]) {
  const rows = await transaction.selectFrom("schedules").select("definition").where("name", "in", names).execute();
  return new Map(
    rows.flatMap((row) => {
      try {
        const definition = scheduleFromJson(row.definition);
        const { ping, selector, name } = definition;
        return ping === undefined ? [] : [[name, { definition, ping, selector: Selector.parse(selector) }]];
      } catch {
        // a newer controller's: what machines report is recorded all the same
        return [];
      }
    }),
  );
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
