/** The fleet at a glance, looked up once a second at most, however many watch it. */

import type { Clock } from "../../common/clock.ts";
import { type Progress, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { MachineLines } from "../machines/lines.ts";
import { listDispatches, type StoredDispatch } from "../store/dispatches.ts";
import {
  countRunningByMachine,
  countWaitingByMachine,
  listFailing,
  listRunning,
  type ViewedAlert,
  type ViewedMachine,
  viewAlerts,
  viewMachines,
} from "../store/fleet-view.ts";
import { getRuns, type StoredRun } from "../store/runs.ts";
import type { Store } from "../store/store.ts";

/** By {@link keyOfRun}. */
export type ProgressOfRuns = ReadonlyMap<string, Progress>;

export function keyOfRun(machineId: string, runId: string): string {
  return `${machineId} ${runId}`;
}

export interface FleetGlance {
  readonly timeMs: number;
  readonly machines: ReadonlyMap<string, ViewedMachine>;
  readonly progress: ProgressOfRuns;
  readonly runningCounts: ReadonlyMap<string, number>;
  readonly waitingCounts: ReadonlyMap<string, number>;
  /** Newest first; the lists have their beginnings only. */
  readonly running: readonly StoredRun[];
  /** Oldest first. */
  readonly waiting: readonly StoredDispatch[];
  readonly failing: readonly StoredRun[];
  /** That are not resolved, the oldest first. */
  readonly alerts: readonly ViewedAlert[];
}

export const everyMs = 1000;
/** Of all operators together: each sees of it what is in its scope. */
const longestList = 2000;
const patienceMs = 300;

export class FleetView {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #lines: Pick<MachineLines, "progress">;
  #progress: ProgressOfRuns = new Map();
  #asking: Promise<void> | undefined;
  #latest: { readonly atMs: number; readonly glance: Promise<FleetGlance> } | undefined;

  constructor(store: Store, clock: Clock, lines: Pick<MachineLines, "progress">) {
    this.#store = store;
    this.#clock = clock;
    this.#lines = lines;
  }

  /** Not older than a second. @throws what the database throws */
  now(): Promise<FleetGlance> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#latest !== undefined && nowMs - this.#latest.atMs < everyMs) return this.#latest.glance;
    const glance = this.#look();
    const latest = { atMs: nowMs, glance };
    this.#latest = latest;
    glance.catch(() => {
      if (this.#latest === latest) this.#latest = undefined;
    });
    return glance;
  }

  /** How far the runs under way are. A controller that does not answer is waited for shortly, and what was known before counts. */
  async progress(): Promise<ProgressOfRuns> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await Promise.race([this.#asking, this.#clock.sleep(patienceMs)]);
    return this.#progress;
  }

  async #ask(): Promise<void> {
    try {
      const machines = await this.#lines.progress();
      this.#progress = new Map(
        machines.flatMap(({ machineId, running }) =>
          running.flatMap(({ runId, progress }) =>
            progress === undefined ? [] : [[keyOfRun(machineId, runId), progress]],
          ),
        ),
      );
    } catch {
      // what it is for is told without it
    }
  }

  async #look(): Promise<FleetGlance> {
    const { database } = this.#store;
    const failing = await listFailing(database, longestList);
    const underWay = await listRunning(database, longestList);
    const [progress, machines, runningCounts, waitingCounts, running, waiting, failed, alerts] = [
      await this.progress(),
      await viewMachines(database),
      await countRunningByMachine(database),
      await countWaitingByMachine(database),
      await getRuns(database, underWay),
      await listDispatches(database, { states: ["queued", "sent"], limit: longestList }),
      await getRuns(database, failing),
      await viewAlerts(database),
    ];
    return {
      timeMs: this.#clock.now().getTime(),
      machines: new Map(machines.map((machine) => [machine.id, machine])),
      progress,
      runningCounts,
      waitingCounts,
      running: running.filter(({ state }) => state === RunState.RUNNING).toSorted(newestFirst),
      waiting: waiting.toReversed(),
      failing: failed.toSorted(newestFirst),
      alerts,
    };
  }
}

function newestFirst(a: StoredRun, b: StoredRun): number {
  return b.startedMs - a.startedMs || (a.machineId < b.machineId ? -1 : 1);
}
