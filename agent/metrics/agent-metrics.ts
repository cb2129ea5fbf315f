/** How this machine's backups stand, as Prometheus is told. */

import type { Clock } from "../../common/clock.ts";
import { exposition, type Metric, type Sample } from "../../common/exposition.ts";
import { version } from "../../common/version.ts";
import { type Run, RunState, runStateToJSON, Verb, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { RunManager } from "../runs/run-manager.ts";
import type { PinStore } from "../volume/pin.ts";

export interface AgentMetricsParts {
  readonly config: Pick<AgentConfig, "jobs" | "volumes">;
  readonly runs: Pick<RunManager, "list" | "running">;
  readonly pins: Pick<PinStore, "read">;
  readonly clock: Clock;
  /** When a backup of the job is next begun by itself; left out, or undefined: nobody knows. */
  readonly nextBackup?: (job: string) => Date | undefined;
  /** Whether the controller of the fleet is connected; left out, or undefined: there is none. */
  readonly isControllerConnected?: () => boolean | undefined;
}

const goodStates: readonly RunState[] = [RunState.DONE, RunState.INCOMPLETE];
/** Dry runs among them are passed over. */
const runsLookedAt = 50;

export class AgentMetrics {
  readonly #parts: AgentMetricsParts;
  readonly #startedAt: Date;
  /** How many runs have ended since the start, by verb and outcome. */
  readonly #ended = new Map<string, { readonly labels: Sample["labels"]; count: number }>();

  constructor(parts: AgentMetricsParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
  }

  runEnded({ verb, state }: Run): void {
    const labels = { verb: word(verbToJSON(verb), "VERB_"), outcome: word(runStateToJSON(state), "RUN_STATE_") };
    const key = `${labels.verb} ${labels.outcome}`;
    const ended = this.#ended.get(key) ?? { labels, count: 0 };
    ended.count += 1;
    this.#ended.set(key, ended);
  }

  async text(): Promise<string> {
    const { config, runs, isControllerConnected } = this.#parts;
    const isConnected = isControllerConnected?.();
    return exposition([
      gauge("build_info", "Which luksmith this is; always 1", [{ labels: { version }, value: 1 }]),
      gauge("start_time_seconds", "When the agent was started", one(seconds(this.#startedAt))),
      gauge("resident_memory_bytes", "What the agent takes of memory", one(process.memoryUsage.rss())),
      gauge("runs_running", "Runs that are under way", one(runs.running().length)),
      {
        name: "luksmith_agent_runs_total",
        help: "Runs that have ended since the agent was started",
        type: "counter",
        samples: [...this.#ended.values()].map(({ labels, count }) => ({ labels, value: count })),
      },
      gauge(
        "controller_connected",
        "Whether the controller of the fleet is connected",
        isConnected === undefined ? [] : one(isConnected ? 1 : 0),
      ),
      ...this.#jobs([...config.jobs.keys()]),
      gauge("volume_size_bytes", "How large a volume's image is, sparse or not", await this.#sizes()),
    ]);
  }

  /** Prometheus itself has a label `job`, for what it scrapes: ours would be renamed. */
  #jobs(jobs: readonly string[]): Metric[] {
    const states = jobs.map((job) => ({ job, last: this.#last(job), good: this.#last(job, goodStates) }));
    const each = (pick: (state: (typeof states)[number]) => number | undefined): Sample[] =>
      states.flatMap((state) => {
        const value = pick(state);
        return value === undefined ? [] : [{ labels: { backup_job: state.job }, value }];
      });
    const secondsOf = (time: Date | undefined) => (time === undefined ? undefined : seconds(time));
    return [
      gauge(
        "job_info",
        "The jobs that there are, with their volumes; always 1",
        [...this.#parts.config.jobs.values()].map(({ name, volume }) => ({
          labels: { backup_job: name, volume },
          value: 1,
        })),
      ),
      gauge(
        "job_last_good_timestamp_seconds",
        "When the newest good backup of a job began",
        each(({ good }) => secondsOf(good?.startedAt)),
      ),
      gauge(
        "job_last_run_timestamp_seconds",
        "When the last backup of a job ended, however it ended",
        each(({ last }) => secondsOf(last?.finishedAt)),
      ),
      gauge(
        "job_last_run_success",
        "Whether the last backup of a job made a snapshot, or had nothing to do",
        each(({ last }) => (last === undefined ? undefined : isSuccess(last) ? 1 : 0)),
      ),
      gauge(
        "job_last_run_duration_seconds",
        "How long the last backup of a job took, waiting included",
        each(({ last }) => durationOf(last)),
      ),
      gauge(
        "job_last_good_bytes",
        "The size of what the newest good backup of a job has",
        each(({ good }) => good?.totals?.bytes),
      ),
      gauge(
        "job_last_good_copied_bytes",
        "How much of it was copied",
        each(({ good }) => good?.totals?.bytesCopied),
      ),
      gauge(
        "job_next_start_timestamp_seconds",
        "When a backup of a job is next begun by itself",
        each(({ job }) => secondsOf(this.#parts.nextBackup?.(job))),
      ),
    ];
  }

  /** The newest backup that has ended. */
  #last(job: string, states?: readonly RunState[]): Run | undefined {
    return this.#parts.runs
      .list({ job, verb: Verb.BACKUP, states, limit: runsLookedAt })
      .find(({ state, dryRun }) => state !== RunState.RUNNING && !dryRun);
  }

  async #sizes(): Promise<Sample[]> {
    const { config, pins } = this.#parts;
    const samples: Sample[] = [];
    for (const volume of config.volumes.keys()) {
      // what is wrong with a pin others say
      const pin = await pins.read(volume).catch(() => undefined);
      if (pin !== undefined) samples.push({ labels: { volume }, value: pin.imageBytes });
    }
    return samples;
  }
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `luksmith_agent_${name}`, help, type: "gauge", samples };
}

function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

function seconds(time: Date): number {
  return time.getTime() / 1000;
}

function durationOf(run: Run | undefined): number | undefined {
  if (run?.startedAt === undefined || run.finishedAt === undefined) return undefined;
  return Math.max(0, run.finishedAt.getTime() - run.startedAt.getTime()) / 1000;
}

function isSuccess({ state }: Run): boolean {
  return goodStates.includes(state) || state === RunState.SKIPPED;
}

/** "VERB_CHECK_VOLUME": "check_volume". */
function word(name: string, prefix: string): string {
  return name.replace(prefix, "").toLowerCase();
}
