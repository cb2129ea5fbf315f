/** One task with its times, and what has been begun for it. */

import { type NextStart, nextStart, type Timing, trustedUntil } from "../../common/schedule/next-start.ts";
import { Occurrences } from "../../common/schedule/occurrences.ts";
import { splayOffset } from "../../common/schedule/splay.ts";
import { Windows } from "../../common/schedule/windows.ts";
import { type ErrorDetail, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { Assignment } from "./assignment.ts";
import type { Begun } from "./occurrence-store.ts";
import type { TaskName } from "./task.ts";

/** What is remembered of a task when it is assigned. */
export interface TaskPast {
  readonly sinceMs: number;
  readonly begun: readonly Begun[];
  /** One of them whose run an agent's end has ended, and that is to be begun again. */
  readonly unfinished: Begun | undefined;
}

/** Of all tasks of an assignment: croner's part takes 80 KB. */
export type SharedTimes = Pick<Timing, "occurrences" | "windows">;

export function sharedTimes({ times: { cron, timezone, windows } }: Assignment): SharedTimes {
  return { occurrences: new Occurrences(cron, timezone), windows: new Windows(windows, timezone) };
}

/** As many as are written down. */
const remembered = 20;

export class ScheduledTask {
  readonly name: TaskName;
  readonly assignment: Assignment;
  /** Something is under way for it: its run, or waiting for it. */
  isBusy = false;
  /** What is due and does not begin waits for this. */
  waitsFor: "" | "volume" | "permit" = "";
  readonly #timing: Timing;
  readonly #sinceMs: number;
  #begun: readonly Begun[];
  #unfinished: Begun | undefined;
  #asking: AbortController | undefined;

  /** @param seed what tells this machine from others */
  constructor(
    name: TaskName,
    assignment: Assignment,
    { occurrences, windows }: SharedTimes,
    seed: string,
    { sinceMs, begun, unfinished }: TaskPast,
  ) {
    const { splayMs, maxAgeMs } = assignment.times;
    this.name = name;
    this.assignment = assignment;
    this.#timing = {
      occurrences,
      windows,
      offsetMs: splayOffset(splayMs, [seed, name.schedule, name.job, name.volume]),
      // of what makes no snapshots, none can be too old
      maxAgeMs: name.verb === Verb.BACKUP ? maxAgeMs : undefined,
    };
    this.#sinceMs = sinceMs;
    this.#begun = begun;
    this.#unfinished = unfinished;
  }

  /** Whether it matters how old the newest good snapshot is. */
  get hasMaxAge(): boolean {
    return this.#timing.maxAgeMs !== undefined;
  }

  next(nowMs: number, lastGoodMs: number | undefined): NextStart | undefined {
    const untilMs = trustedUntil(nowMs);
    const newest = (all: number[]) => all.filter((ms) => ms <= untilMs).toSorted((a, b) => b - a)[0];
    const past = {
      sinceMs: this.#sinceMs,
      handledMs: newest(this.#begun.map(({ momentMs }) => momentMs)),
      begunMs: newest(this.#begun.map(({ atMs }) => atMs)),
      unfinishedMs: this.#unfinished?.momentMs,
      lastGoodMs,
    };
    return nextStart(this.#timing, past, nowMs);
  }

  /** What could not begin when it was last due; undefined: it could, or was never due. */
  get notBegun(): { readonly momentMs: number; readonly error: ErrorDetail } | undefined {
    const last = this.#begun.at(-1);
    return last?.error === undefined ? undefined : { momentMs: last.momentMs, error: last.error };
  }

  /** @param runId empty: it was refused, over `error` @returns what is to be written down, and what is not to be begun again for that */
  begin(
    momentMs: number,
    atMs: number,
    runId: string,
    error?: ErrorDetail,
  ): { begun: Begun; dropped: Begun | undefined } {
    const unfinished = this.#unfinished;
    this.#unfinished = undefined;
    const isAgain = unfinished?.momentMs === momentMs;
    const tries = (isAgain ? unfinished.tries : 0) + 1;
    const begun: Begun = { momentMs, atMs, runId, tries, state: runId === "" ? "refused" : "running", error };
    const others = this.#begun.filter((each) => each.momentMs !== momentMs);
    this.#begun = [...others, begun].slice(-remembered);
    return { begun, dropped: isAgain ? undefined : unfinished };
  }

  /** For as long as something is waited for that others have to grant. Ended when the window closes. */
  asking(): AbortSignal {
    this.#asking = new AbortController();
    return this.#asking.signal;
  }

  stopAsking(): void {
    this.#asking?.abort();
  }

  isOpen(nowMs: number): boolean {
    return this.#timing.windows.isOpen(nowMs);
  }
}
