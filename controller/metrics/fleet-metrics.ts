/**
 * What Prometheus is told. Counters are of this controller since its start; gauges are of the fleet as the store has it, so that each
 * of several controllers tells the same.
 */

import { setImmediate } from "node:timers/promises";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../../common/clock.ts";
import { expositionHead, expositionLine } from "../../common/exposition.ts";
import type { Log } from "../../common/log.ts";
import { version } from "../../common/version.ts";
import { type RunState, runStateToJSON, type Verb, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { DeliveryEvents } from "../alerts/postman.ts";
import type { WatchEvents } from "../alerts/watch.ts";
import { countAlerts, lookedMs } from "../store/alerts.ts";
import { countDeliveries } from "../store/deliveries.ts";
import { firstExpiries, readFigures, readJobFigures } from "../store/figures.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** What the controller does again and again for the whole fleet, and how long that takes. */
export type Task = "alerts" | "schedules" | "permits";

/** Several who ask at the same time are told the same. */
const freshMs = 5_000;
/** Certificates end after weeks, and all of them are looked through. */
const expiriesFreshMs = 60_000;
/** Source: prom-client's own default of 10 ms wakes the process a hundred times a second. */
const loopPrecisionMs = 100;
const batchBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const taskBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 30];

export interface MetricsOptions {
  /** A time series for each job of each machine. */
  readonly perJob: boolean;
}

export class FleetMetrics {
  readonly #registry = new Registry();
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: MetricsOptions;
  readonly #gauges;
  readonly #counters;
  /** What there is of each job: too much for prom-client. */
  #jobs = "";
  #freshUntilMs = Number.NEGATIVE_INFINITY;
  #expiriesFreshUntilMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, options: MetricsOptions, clock: Clock, log: Log) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: loopPrecisionMs });
    this.#gauges = makeGauges(registers);
    this.#counters = makeCounters(registers);
    this.#gauges.build.set({ version }, 1);
  }

  /** A run has ended, and is recorded for the first time. */
  runEnded(verb: Verb, state: RunState): void {
    this.#counters.runs.inc({
      verb: word(verbToJSON(verb), "VERB_"),
      outcome: word(runStateToJSON(state), "RUN_STATE_"),
    });
  }

  eventsRecorded(count: number): void {
    this.#counters.events.inc(count);
  }

  /** Reports and events that were written together. */
  batchWritten(durationMs: number): void {
    this.#counters.batch.observe(durationMs / 1000);
  }

  /** The database did not do what it was asked. */
  storeFailed(): void {
    this.#counters.storeErrors.inc();
  }

  removedBeyondQuota(what: "events" | "runs", count: number): void {
    this.#counters.removed.inc({ what }, count);
  }

  taskDone(task: Task, durationMs: number): void {
    this.#counters.task.observe({ task }, durationMs / 1000);
  }

  taskFailed(task: Task): void {
    this.#counters.taskFailures.inc({ task });
  }

  permitsLooked(durationMs: number): void {
    this.taskDone("permits", durationMs);
  }

  permitsFailed(): void {
    this.taskFailed("permits");
  }

  /** What schedules mean to machines was read. @throws what `read` throws */
  async schedulesRead<T>(read: () => Promise<T>): Promise<T> {
    const beganMs = this.#clock.monotonicMs();
    try {
      const found = await read();
      this.taskDone("schedules", this.#clock.monotonicMs() - beganMs);
      return found;
    } catch (error) {
      this.taskFailed("schedules");
      throw error;
    }
  }

  readonly deliveries: DeliveryEvents = {
    delivered: (channel) => this.#counters.deliveries.inc({ channel: channelName(channel), outcome: "delivered" }),
    failed: (channel, isFinal) =>
      this.#counters.deliveries.inc({ channel: channelName(channel), outcome: isFinal ? "given_up" : "failed" }),
  };

  readonly watch: WatchEvents = {
    looked: (durationMs) => this.taskDone("alerts", durationMs),
    failed: () => this.taskFailed("alerts"),
  };

  /** As Prometheus reads it. */
  async text(): Promise<{ contentType: string; body: string }> {
    await this.#refresh();
    return { contentType: this.#registry.contentType, body: (await this.#registry.metrics()) + this.#jobs };
  }

  async #refresh(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#freshUntilMs) return;
    const { up, ...others } = this.#gauges;
    try {
      await this.#read();
      up.set(this.#store.fault === undefined ? 1 : 0);
      this.#freshUntilMs = nowMs + freshMs;
    } catch (error) {
      this.#log.warn({ err: error }, "the store cannot be read for metrics");
      // what was true a while ago must not look as if it were now
      for (const gauge of Object.values(others)) if (gauge !== others.build) gauge.reset();
      for (const gauge of [others.connected, others.looked]) gauge.remove();
      this.#jobs = "";
      this.#expiriesFreshUntilMs = Number.NEGATIVE_INFINITY;
      up.set(0);
    }
  }

  async #read(): Promise<void> {
    const { database } = this.#store;
    const gauges = this.#gauges;
    const { machines, connected, dispatches, permits } = await readFigures(database);
    for (const [state, count] of Object.entries(machines)) gauges.machines.set({ state }, count);
    gauges.connected.set(connected);
    for (const [state, count] of Object.entries(dispatches)) gauges.dispatches.set({ state }, count);
    for (const [state, count] of Object.entries(permits)) gauges.permits.set({ state }, count);

    gauges.alerts.reset();
    for (const { kind, state, count } of await countAlerts(database)) gauges.alerts.set({ kind, state }, count);
    gauges.waiting.reset();
    for (const { channel, count } of await countDeliveries(database)) {
      gauges.waiting.set({ channel: channelName(channel) }, count);
    }
    const looked = await lookedMs(database);
    if (looked !== undefined) gauges.looked.set(looked / 1000);
    if (this.#options.perJob) this.#jobs = await jobsText(database);

    if (this.#clock.monotonicMs() < this.#expiriesFreshUntilMs) return;
    gauges.expiry.reset();
    for (const { kind, expiresMs } of await firstExpiries(database)) gauges.expiry.set({ kind }, expiresMs / 1000);
    this.#expiriesFreshUntilMs = this.#clock.monotonicMs() + expiriesFreshMs;
  }
}

function makeGauges(registers: Registry[]) {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name: `luksmith_${name}`, help, labelNames, registers });
  return {
    build: gauge("build_info", "Which luksmith this is; always 1", "version"),
    up: gauge("store_up", "Whether the database answers, and takes what is to be stored"),
    machines: gauge("machines", "Machines of the fleet", "state"),
    connected: gauge("machines_connected", "Machines that are connected to any controller"),
    dispatches: gauge("dispatches", "What operators asked for and has not ended", "state"),
    permits: gauge("permits", "Leave to begin scheduled runs, where they are limited", "state"),
    alerts: gauge("alerts", "Alerts that are not resolved", "kind", "state"),
    waiting: gauge("alert_deliveries_waiting", "Messages that are to leave", "channel"),
    looked: gauge("alerts_evaluated_timestamp_seconds", "When some controller looked for what is missing"),
    expiry: gauge("certificate_expiry_timestamp_seconds", "When the first certificate of its kind ends", "kind"),
  };
}

const lastGoodName = "luksmith_job_last_good_timestamp_seconds";
const overdueName = "luksmith_job_overdue";

/** Prometheus itself has a label `job`, for what it scrapes: ours would be renamed. */
async function jobsText(database: Database): Promise<string> {
  const lastGood: string[] = [];
  const overdue: string[] = [];
  for await (const figures of readJobFigures(database)) {
    for (const { machine, job, lastGoodMs, isOverdue } of figures) {
      const labels = { machine, backup_job: job };
      if (lastGoodMs !== undefined) lastGood.push(expositionLine(lastGoodName, { labels, value: lastGoodMs / 1000 }));
      overdue.push(expositionLine(overdueName, { labels, value: isOverdue ? 1 : 0 }));
    }
    // whoever waits for an answer meanwhile gets it
    await setImmediate();
  }
  if (overdue.length === 0) return "";
  const head = (name: string, help: string) => expositionHead({ name, help, type: "gauge" });
  return [
    head(lastGoodName, "The newest good snapshot of a machine's job"),
    ...lastGood,
    head(overdueName, "1: a machine's job has no good snapshot as new as it should be"),
    ...overdue,
  ].join("");
}

function makeCounters(registers: Registry[]) {
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name: `luksmith_${name}`, help, labelNames, registers });
  return {
    runs: counter("runs_total", "Runs that ended, as this controller recorded them", "verb", "outcome"),
    events: counter("run_events_total", "Events of runs that this controller recorded"),
    removed: counter("quota_removed_total", "Removed since a machine reported more than is kept for one", "what"),
    storeErrors: counter("store_errors_total", "Failures of the database"),
    deliveries: counter("alert_deliveries_total", "Messages that left, failed or were given up", "channel", "outcome"),
    taskFailures: counter(
      "task_failures_total",
      "What is done for the whole fleet again and again, and failed",
      "task",
    ),
    batch: new Histogram({
      name: "luksmith_store_batch_duration_seconds",
      help: "How long it takes to write what machines report, batch by batch",
      buckets: batchBuckets,
      registers,
    }),
    task: new Histogram({
      name: "luksmith_task_duration_seconds",
      help: "How long what is done for the whole fleet again and again takes",
      labelNames: ["task"],
      buckets: taskBuckets,
      registers,
    }),
  };
}

/** "VERB_CHECK_VOLUME": "check_volume". */
function word(name: string, prefix: string): string {
  return name.replace(prefix, "").toLowerCase();
}

/** Of pings: no channel has a colon in its name, and a label should have none either. */
function channelName(channel: string): string {
  return channel.replace(":", "");
}
