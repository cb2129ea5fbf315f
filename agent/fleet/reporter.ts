/**
 * Tells the controller of runs: live of those under way, and afterwards of those that ended while it was away. The history of runs is
 * where they wait; what the controller says it has stored is not sent again.
 */

import { rejectsWhenAborted } from "../../common/aborted.ts";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { Recorded } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, RunEvent, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { RunCauses } from "../runs/run-causes.ts";
import type { RunManager } from "../runs/run-manager.ts";
import type { RunStore } from "../runs/run-store.ts";
import { reportedVerbs } from "./allowed.ts";
import type { AllowedWord } from "./allowed-word.ts";
import { inBatches } from "./batches.ts";
import type { Link } from "./link.ts";
import type { FleetRecords, Reported } from "./records.ts";
import { eventWithoutNames, runWithoutNames } from "./without-names.ts";

/** A message may have 1 MiB; an event may have 8 KiB and a little more. */
const batchLimits = { count: 200, bytes: 128 * 2 ** 10, lingerMs: 500 };

export class Reporter {
  readonly #runs: RunManager;
  readonly #store: RunStore;
  readonly #records: FleetRecords;
  readonly #causes: RunCauses;
  readonly #allowed: readonly AllowedWord[];
  readonly #clock: Clock;
  readonly #log: Log;
  /** What was sent over the stream that there is: no more can have been recorded. */
  #sent = new Map<string, Reported>();

  constructor(
    { runs, store, records, causes }: { runs: RunManager; store: RunStore; records: FleetRecords; causes: RunCauses },
    allowed: readonly AllowedWord[],
    clock: Clock,
    log: Log,
  ) {
    this.#runs = runs;
    this.#store = store;
    this.#records = records;
    this.#causes = causes;
    this.#allowed = allowed;
    this.#clock = clock;
    this.#log = log;
  }

  /** @returns whether the machine was another one before, or none @throws {LuksmithError} when it cannot be written */
  beginEnrolment(machineId: string): "same" | "another" {
    return this.#records.beginEnrolment(machineId, this.#store.newestId() ?? "");
  }

  /** Until the stream has ended. */
  async report(link: Link): Promise<void> {
    this.#sent = new Map();
    if (!this.#allowed.includes("status")) return;
    const live = new Map<string, Promise<void>>();
    let after = "";
    while (!link.gone.aborted) {
      for (const { id, verb } of this.#runs.running()) {
        if (live.has(id) || !reportedVerbs.includes(verb) || this.#isBefore(id)) continue;
        const told = this.#tell(link, id).finally(() => live.delete(id));
        live.set(id, told);
      }
      const past = this.#nextPast(after);
      if (past === undefined) {
        await this.#runs.begun.wait(link.gone);
        continue;
      }
      after = past;
      // one that has ended a moment ago was told of already
      if (!live.has(past) && this.#sent.get(past)?.ended !== true) await this.#tell(link, past);
    }
    await Promise.all(live.values());
  }

  /** @param recorded as the controller says, which may say anything */
  recorded({ runId, seq, ended }: Recorded): void {
    const sent = this.#sent.get(runId);
    if (sent === undefined || !Number.isSafeInteger(seq)) return;
    try {
      this.#records.setReported(runId, { seq: Math.max(0, Math.min(seq, sent.seq)), ended: ended && sent.ended });
      if (ended && sent.ended) this.#sent.delete(runId);
    } catch (error) {
      this.#log.warn({ err: error, run: runId }, "the controller will be told of a run again");
    }
  }

  #isBefore(id: string): boolean {
    try {
      // one that is not in the history, which cannot be written, is of this agent's life
      return this.#store.get(id) !== undefined && !this.#records.isReported(id);
    } catch {
      return false;
    }
  }

  #nextPast(after: string): string | undefined {
    try {
      return this.#records.nextUnreported(after);
    } catch (error) {
      this.#log.warn({ err: error }, "the history of runs cannot be read: the controller is told of those that begin");
      return undefined;
    }
  }

  async #tell(link: Link, id: string): Promise<void> {
    try {
      await this.#tellAll(link, id);
    } catch (error) {
      if (!link.gone.aborted) this.#log.warn({ err: error, run: id }, "the controller could not be told of a run");
    }
  }

  async #tellAll(link: Link, id: string): Promise<void> {
    const before = this.#records.reported(id);
    this.#sent.set(id, { seq: before?.seq ?? 0, ended: false });
    // one that is known there already has moved on
    if (before === undefined) await this.#tellHow(link, atItsBeginning(this.#runs.get(id)));
    if (this.#allowed.includes("log")) {
      const events = this.#toldEvents(id, before?.seq ?? 0, link.gone);
      for await (const batch of inBatches(events, batchLimits, sizeOf, this.#clock)) {
        const seq = batch.at(-1)?.seq ?? 0;
        this.#sent.set(id, { seq, ended: false });
        await link.send({ $case: "runEvents", value: { runId: id, events: batch } });
      }
      link.gone.throwIfAborted();
    }
    const run = await untilGone(this.#runs.wait(id), link.gone);
    this.#sent.set(id, { seq: this.#sent.get(id)?.seq ?? 0, ended: true });
    await this.#tellHow(link, run);
  }

  async #tellHow(link: Link, run: Run): Promise<void> {
    const told = this.#namesFiles ? run : runWithoutNames(run);
    await link.send({ $case: "runReport", value: { run: told, cause: this.#causes.get(run.id) } });
  }

  /** Progress is told by heartbeats. */
  async *#toldEvents(id: string, after: number, gone: AbortSignal): AsyncGenerator<RunEvent, void, undefined> {
    for await (const event of this.#runs.watch(id, true, gone)) {
      if (event.seq <= after || event.kind?.$case === "progress") continue;
      const told = this.#namesFiles ? event : eventWithoutNames(event);
      if (told !== undefined) yield told;
    }
  }

  get #namesFiles(): boolean {
    return this.#allowed.includes("ls");
  }
}

function atItsBeginning(run: Run): Run {
  const { id, verb, volume, job, startedAt, caller, dryRun } = run;
  const state = RunState.RUNNING;
  return { ...{ id, verb, volume, job, state, startedAt, caller, dryRun }, ...nothingYet };
}

const nothingYet = {
  finishedAt: undefined,
  error: undefined,
  summary: "",
  snapshot: "",
  totals: undefined,
  retry: undefined,
};

function sizeOf(event: RunEvent): number {
  return RunEvent.encode(event).finish().length;
}

async function untilGone<T>(promise: Promise<T>, gone: AbortSignal): Promise<T> {
  const settled = new AbortController();
  try {
    return await Promise.race([promise, rejectsWhenAborted(AbortSignal.any([gone, settled.signal]))]);
  } finally {
    settled.abort();
  }
}
