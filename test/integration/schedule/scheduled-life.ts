/** One agent's schedules and runs on a state directory, from its start to its end. What the runs do is up to the test. */

import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import type { RunWork } from "../../../agent/runs/context.ts";
import { RunManager } from "../../../agent/runs/run-manager.ts";
import { RunStore } from "../../../agent/runs/run-store.ts";
import { OccurrenceStore } from "../../../agent/schedule/occurrence-store.ts";
import { type Permit, Scheduler } from "../../../agent/schedule/scheduler.ts";
import type { Asked } from "../../../agent/verbs/machine.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeLog } from "../../../common/log.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import type { Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, verbToJSON } from "../../../proto/gen/luksmith/v1/types.ts";
import { ManualClock } from "../runs/manual-clock.ts";

export const daily = '{ cron: "0 2 * * *", timezone: UTC }';

/** Volumes `home` and `srv`; jobs `home` and `etc` in the first, `srv` in the second. */
export function configText(schedules: Readonly<Record<string, string>> = { home: daily }, attempts = 5): string {
  const job = (name: string, volume: string) =>
    `  ${name}: { volume: ${volume}, sources: [/${name}]${name in schedules ? `, schedule: ${schedules[name]}` : ""} }`;
  return `
runs: { attempts: ${attempts} }
remotes: { vault: { host: vault.example.net, user: web01 } }
volumes:
  home: { remote: vault, image: home.luks, size: 1G }
  srv: { remote: vault, image: srv.luks, size: 1G }
jobs:
${[job("home", "home"), job("etc", "home"), job("srv", "srv")].join("\n")}
`;
}

type Start = (work: Work, asked: Pick<Asked, "caller" | "registered">) => Promise<{ run: Run }>;

interface LifeOptions {
  readonly clock?: ManualClock;
  readonly config?: string;
  /** In the place of beginning a run. */
  readonly start?: Start;
}

export const done: RunWork = async () => ({ state: "done", summary: "" });

export class ScheduledLife {
  readonly clock: ManualClock;
  readonly store: RunStore;
  readonly runs: RunManager;
  readonly occurrences: OccurrenceStore;
  readonly scheduler: Scheduler;
  readonly asked: Work[] = [];
  work: RunWork = done;

  constructor(stateDirectory: string, at: string, { clock, config = configText(), start }: LifeOptions = {}) {
    this.clock = clock ?? new ManualClock(new Date(at));
    const log = makeLog("scheduled-life", "fatal");
    const read = parseAgentConfig(config, "agent.yaml");
    this.store = RunStore.open(stateDirectory, log);
    this.runs = new RunManager(this.store, this.clock, log);
    this.occurrences = new OccurrenceStore(this.store);
    const begin: Start = async (work, asked) => {
      this.asked.push(work);
      const { verb, job } = work;
      const volume = read.jobs.get(job)?.volume ?? work.volume;
      return { run: this.runs.start({ verb, job, volume, ...asked }, (run) => this.work(run)) };
    };
    this.scheduler = new Scheduler({
      config: read,
      clock: this.clock,
      log,
      runs: this.runs,
      store: this.occurrences,
      seed: "a machine",
      start: start ?? begin,
    });
  }

  begin(permit?: Permit): this {
    if (permit !== undefined) this.scheduler.usePermits(permit);
    this.scheduler.begin();
    return this;
  }

  /** Time passes as it does: an agent looks at the clock once a minute. */
  async pass(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute += 1) {
      this.clock.advance(60_000);
      await quiet();
    }
  }

  async end(): Promise<void> {
    await this.scheduler.close();
    await this.runs.close();
    this.store.close();
  }

  /** Oldest first: what was begun when, by the clock. */
  begun(): string[] {
    return this.runs
      .list({ limit: 1000 })
      .toReversed()
      .map(({ verb, job, volume, startedAt }) => {
        const what = verbToJSON(verb).replace("VERB_", "").toLowerCase();
        return `${what} ${job || volume} ${startedAt?.toISOString().slice(5, 16)}`;
      });
  }

  running(): number {
    return this.runs.running().length;
  }
}

/** All that follows of what has happened has happened as well: there is nothing here that waits for anything outside. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export async function until(isSo: () => boolean): Promise<void> {
  if (!(await waitUntil(systemClock, 20_000, isSo))) throw new Error(`it did not come to ${isSo}`);
}
