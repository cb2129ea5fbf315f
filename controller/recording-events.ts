/** What else follows from what machines report: pings to whoever watches a schedule from outside, and counting. */

import type { Clock } from "../common/clock.ts";
import { RunState } from "../proto/gen/luksmith/v1/types.ts";
import { onRunReport } from "./alerts/on-run-report.ts";
import { pingUrl } from "./alerts/ping.ts";
import type { FleetMetrics } from "./metrics/fleet-metrics.ts";
import { namesOfMachines } from "./store/machines.ts";
import { getRuns } from "./store/runs.ts";
import { listSchedules } from "./store/schedules.ts";
import type { Database } from "./store/schema.ts";
import type { Store } from "./store/store.ts";
import type { JournalEvents, MachineReport } from "./stream/journal.ts";

/** A notice can be lost. */
const freshMs = 60_000;

/** @param sent hears of pings that wait to be sent */
export function recordingEvents(store: Store, metrics: FleetMetrics, sent: () => void, clock: Clock): JournalEvents {
  const pings = new Pings(store, clock);
  return {
    written: (durationMs, events) => {
      metrics.batchWritten(durationMs);
      metrics.eventsRecorded(events);
    },
    failed: () => metrics.storeFailed(),
    recording: async (transaction, reports) => {
      const ended = await endedNow(transaction, reports);
      const pinged = await pings.add(transaction, reports);
      return () => {
        for (const { report } of ended) {
          if (report.run !== undefined) metrics.runEnded(report.run.verb, report.run.state);
        }
        if (pinged) sent();
      };
    },
  };
}

/** Those that tell an end for the first time. */
async function endedNow(transaction: Database, reports: readonly MachineReport[]): Promise<MachineReport[]> {
  const ended = reports.filter(({ report: { run } }) => run !== undefined && run.state !== RunState.RUNNING);
  if (ended.length === 0) return [];
  const keyOf = (machineId: string, runId: string | undefined) => `${machineId} ${runId}`;
  const known = await getRuns(
    transaction,
    ended.map(({ machineId, report }) => ({ machineId, runId: report.run?.id ?? "" })),
  );
  const over = new Set(
    known
      .filter(({ report }) => report.run?.state !== RunState.RUNNING)
      .map(({ machineId, report }) => keyOf(machineId, report.run?.id)),
  );
  const fresh = new Map(ended.map((each) => [keyOf(each.machineId, each.report.run?.id), each]));
  return [...fresh].flatMap(([key, each]) => (over.has(key) ? [] : [each]));
}

class Pings {
  readonly #clock: Clock;
  #templates: ReadonlyMap<string, string> | undefined;
  #readMs = 0;

  constructor(store: Store, clock: Clock) {
    this.#clock = clock;
    store.notices.on("schedules", () => {
      this.#templates = undefined;
    });
  }

  /** @returns whether there are any */
  async add(transaction: Database, reports: readonly MachineReport[]): Promise<boolean> {
    const scheduled = reports.filter(({ report: { cause } }) => cause?.schedule);
    if (scheduled.length === 0) return false;
    const templates = await this.#read(transaction);
    const watched = scheduled.filter(({ report: { cause } }) => templates.has(cause?.schedule ?? ""));
    if (watched.length === 0) return false;
    const names = await namesOfMachines(transaction, [...new Set(watched.map(({ machineId }) => machineId))]);
    for (const { machineId, report } of watched) {
      const { run, cause } = report;
      const template = templates.get(cause?.schedule ?? "");
      const name = names.get(machineId);
      if (run === undefined || template === undefined || name === undefined) continue;
      const url = pingUrl(template, name, run.job);
      const nowMs = this.#clock.now().getTime();
      await onRunReport(transaction, { machineId, runId: run.id, state: run.state }, url, nowMs);
    }
    return true;
  }

  async #read(transaction: Database): Promise<ReadonlyMap<string, string>> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#templates !== undefined && nowMs - this.#readMs < freshMs) return this.#templates;
    const schedules = await listSchedules(transaction);
    this.#templates = new Map(
      schedules.flatMap(({ schedule: { name, ping } }) => (ping === undefined ? [] : [[name, ping] as const])),
    );
    this.#readMs = nowMs;
    return this.#templates;
  }
}
