/** Removes what a machine has more than it may, soon after it has come, and says so: on the machine, in the log, in a metric. */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { Bell } from "../bell.ts";
import { LimitedLog } from "../limited-log.ts";
import { occasion } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { noteMachine } from "../store/machines.ts";
import { countUsage, type Removed, removeOldestEvents, removeTheseRuns, runHeads, toldRuns } from "../store/quota.ts";
import type { Store } from "../store/store.ts";
import { type Usage, usageOf } from "../store/usage.ts";
import { bytesTooMany, isBeyond, type Quota, quotaNotice, runsTooMany } from "./quota.ts";

/** Of one machine: what it can send in between is little, and whoever floods costs no more by it. */
const usualAgainMs = 60_000;
/** Others have a turn between two parts. */
const restMs = 20;
/** A machine that does it all day is told of once. */
const lineRate = { perMinute: 1 / (24 * 60), atOnce: 1 };

/** Who counts. */
export interface QuotaEvents {
  removedBeyondQuota(what: "events" | "runs", count: number): void;
}

export class QuotaKeeper {
  readonly #store: Store;
  readonly #quota: Quota;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lines: LimitedLog;
  readonly #events: QuotaEvents | undefined;
  readonly #againMs: number;
  readonly #routine = new Routine();
  readonly #bell: Bell;
  /** When each may be looked at, monotonic; those that were, and those that are to be. */
  readonly #dueMs = new Map<string, number>();
  readonly #waiting = new Set<string>();

  /** @param againMs a machine is not looked at again before */
  constructor(
    store: Store,
    quota: Quota,
    clock: Clock,
    log: Log,
    events: QuotaEvents | undefined,
    againMs = usualAgainMs,
  ) {
    this.#store = store;
    this.#quota = quota;
    this.#clock = clock;
    this.#log = log;
    this.#lines = new LimitedLog(log, clock, lineRate);
    this.#events = events;
    this.#againMs = againMs;
    this.#bell = new Bell(clock);
  }

  follow(): void {
    this.#routine.begin({
      when: occasion((signal) => this.#rest(signal)),
      work: (signal) => this.#trimThoseDue(signal),
      failed: (error) => this.#log.error({ err: error }, "who has too much could not be looked at"),
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** What some machines have by now. */
  look(usages: readonly Usage[]): void {
    for (const usage of usages) {
      if (!isBeyond(usage, this.#quota)) continue;
      this.#waiting.add(usage.machineId);
      this.#bell.ring();
    }
  }

  async #trimThoseDue(signal: AbortSignal): Promise<void> {
    for (const machineId of this.#due()) {
      signal.throwIfAborted();
      this.#waiting.delete(machineId);
      this.#dueMs.set(machineId, this.#clock.monotonicMs() + this.#againMs);
      try {
        await this.#trim(machineId, signal);
      } catch (error) {
        this.#waiting.add(machineId);
        if (signal.aborted) return;
        this.#log.warn({ err: error, machine: machineId }, "what a machine has too much of could not be removed");
      }
    }
  }

  #due(): string[] {
    const nowMs = this.#clock.monotonicMs();
    for (const [machineId, dueMs] of this.#dueMs) if (dueMs <= nowMs) this.#dueMs.delete(machineId);
    return [...this.#waiting].filter((id) => !this.#dueMs.has(id));
  }

  /** Until there is news, or one of those that wait is due. */
  async #rest(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const due = [...this.#waiting].map((id) => this.#dueMs.get(id) ?? nowMs);
    await this.#bell.wait(Math.max(restMs, Math.min(...due) - nowMs), signal);
  }

  async #trim(machineId: string, signal: AbortSignal): Promise<void> {
    const { database } = this.#store;
    const before = await usageOf(database, machineId);
    if (!isBeyond(before, this.#quota)) return;
    const events = await this.#trimEvents(machineId, before, signal);
    const runs = await this.#trimRuns(machineId, signal);
    if (runs.events + events + runs.runs === 0) {
      await this.#store.transaction((transaction) => countUsage(transaction, machineId));
      return;
    }
    this.#events?.removedBeyondQuota("events", runs.events + events);
    this.#events?.removedBeyondQuota("runs", runs.runs);
    if (await noteMachine(database, machineId, quotaNotice)) this.#store.notices.tell("machine", machineId);
    const facts = { machine: machineId, events: runs.events + events, runs: runs.runs };
    this.#lines.warn(machineId, facts, "a machine reports more than is kept for it: the oldest is removed");
  }

  /** @returns how many */
  async #trimEvents(machineId: string, before: Usage, signal: AbortSignal): Promise<number> {
    let count = 0;
    for (let left = bytesTooMany(before, this.#quota); left > 0; ) {
      const gone = await this.#store.transaction((transaction) => removeOldestEvents(transaction, machineId, left));
      if (gone.events === 0) break;
      count += gone.events;
      left -= gone.bytes;
      await this.#clock.sleep(restMs, signal);
    }
    return count;
  }

  async #trimRuns(machineId: string, signal: AbortSignal): Promise<Removed> {
    const { database } = this.#store;
    const { runs } = await usageOf(database, machineId);
    if (runs <= this.#quota.runs) return { events: 0, runs: 0 };
    const heads = await runHeads(database, machineId);
    const tooMany = runsTooMany(heads, await toldRuns(database, machineId), this.#quota);
    const gone = { events: 0, runs: 0 };
    for (let ids: readonly string[] = tooMany.map(({ runId }) => runId); ids.length > 0; ) {
      const those = ids;
      const some = await this.#store.transaction((transaction) => removeTheseRuns(transaction, machineId, those));
      ids = some.rest;
      gone.events += some.events;
      gone.runs += some.runs;
      await this.#clock.sleep(restMs, signal);
    }
    return gone;
  }
}
