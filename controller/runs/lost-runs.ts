/** Ends runs of which nobody will hear any more, so that they do not count as under way for ever. */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { type Run, RunState, type Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { storePings } from "../alerts/on-run-report.ts";
import { every } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { findLostRuns, type GivenUp, giveUpRuns, type LostRun } from "../store/lost-runs.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** A machine backs itself up also where it reaches no controller, on a journey over a weekend; for longer it rarely takes. */
const awayMs = 3 * 86_400_000;
/** First of all: when no controller was there for days, machines have to come back before it is said of any that it is away. */
const everyMs = 10 * 60_000;
/** In one transaction. */
const atOnce = 200;
/** Others have a turn between two parts. */
const restMs = 50;

/** Who counts. */
export interface LostRunEvents {
  runEnded(verb: Verb, state: RunState): void;
}

/** How it ended, as far as anybody knows. Pure. */
function lostEnd({ report: { run }, isRevoked, seenMs }: LostRun, nowMs: number): Run | undefined {
  if (run === undefined) return undefined;
  const seen = `${new Date(seenMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const why = isRevoked ? "the machine was revoked" : `nothing has been heard of the machine since ${seen}`;
  const error = { code: "interrupted", message: `${why}: how the run ended is not known`, hint: "" };
  return { ...run, state: RunState.INTERRUPTED, finishedAt: new Date(nowMs), error, retry: undefined };
}

/** Some of those of a machine that is revoked, with the transaction that does it; the rest a little later. */
export async function giveUpRunsOf(transaction: Database, machineId: string, nowMs: number): Promise<GivenUp> {
  const lost = await findLostRuns(transaction, Number.MIN_SAFE_INTEGER, atOnce, machineId);
  return giveUp(transaction, lost, nowMs);
}

/** Also for those who watch their schedules from outside. */
async function giveUp(transaction: Database, lost: readonly LostRun[], nowMs: number): Promise<GivenUp> {
  const given = await giveUpRuns(transaction, lost, (each) => lostEnd(each, nowMs), nowMs);
  await storePings(transaction, given.runs, nowMs);
  return given;
}

/** Whoever watches them hears of it. */
export function tellGivenUp({ notices }: Pick<Store, "notices">, { runs, batches }: GivenUp): void {
  for (const { machineId, runId } of runs) notices.tell("run", `${machineId}/${runId}`);
  for (const batch of batches) notices.tell("dispatch", batch);
}

export class LostRuns {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: LostRunEvents | undefined;
  readonly #routine = new Routine();

  constructor(store: Store, clock: Clock, log: Log, events?: LostRunEvents) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#events = events;
  }

  follow(): void {
    this.#routine.beginLater({
      when: every(this.#clock, everyMs),
      work: (signal) => this.look(signal),
      failed: (error) => this.#log.warn({ err: error }, "which runs are lost could not be looked at"),
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** Once, to the end. @throws what the database throws; the signal's reason when it is aborted meanwhile */
  async look(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const nowMs = this.#clock.now().getTime();
      const lost = await findLostRuns(this.#store.database, nowMs - awayMs, atOnce);
      if (lost.length === 0) return;
      const given = await this.#store.transaction((transaction) => giveUp(transaction, lost, nowMs));
      tellGivenUp(this.#store, given);
      for (const { report } of given.runs) if (report.run) this.#events?.runEnded(report.run.verb, report.run.state);
      const machines = new Set(given.runs.map(({ machineId }) => machineId)).size;
      this.#log.info({ runs: given.runs.length, machines }, "runs were given up: nothing is heard of their machines");
      await this.#clock.sleep(restMs, signal);
    }
  }
}
