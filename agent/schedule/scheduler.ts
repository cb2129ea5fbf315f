/**
 * Has this machine do what schedules say, each occurrence once. It looks at the clock once a minute at least, so that a clock that was
 * set and a machine that slept are noticed; what is due is written down, with its run's id, before the run is on record.
 *
 * An agent that dies before that finds the occurrence due again. One that dies after that, with no run on record, begins it again,
 * and so does one that was stopped during the run. A run that was interrupted is begun again once, if the retry policy has more than one
 * attempt: by the second time the run itself may be what ends the agent. A newer occurrence takes the place of all of these.
 */

import { type Clock, pause } from "../../common/clock.ts";
import { toErrorDetail } from "../../common/error-wire.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import type { ScheduleAssignment, Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type ErrorDetail, type Run, RunState, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { Change } from "../runs/change.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { verbWords } from "../runs/run-outcome.ts";
import type { Asked } from "../verbs/machine.ts";
import { retryPolicyOf } from "../verbs/start-work.ts";
import { type Assignment, ownAssignments, readAssignment } from "./assignment.ts";
import type { Begun, OccurrenceStore } from "./occurrence-store.ts";
import { ScheduledTask, type SharedTimes, sharedTimes, type TaskPast } from "./scheduled-task.ts";
import { describeTask, type TaskName, taskKey, tasksOf } from "./task.ts";

const longestSleepMs = 60_000;
/** What is interrupted so often is not begun again. */
const mostTries = 2;
/** They come from elsewhere, and each costs some time to read and to look at. */
export const mostGiven = 200;
/** Dry runs among the good ones are passed over. */
const runsLookedAt = 20;

export interface Occurrence extends TaskName {
  readonly moment: Date;
}

/**
 * Resolves when a run may begin, with what gives the permit back: the run is over, or does not begin after all. Rejects when `signal`
 * is aborted: the window has closed, the schedule is no more, or the agent stops.
 */
export type Permit = (occurrence: Occurrence, signal: AbortSignal) => Promise<() => void>;

export interface NextBackup {
  /** Not after now: it is due. */
  readonly at: Date;
  readonly schedule: string;
  /** Why it has not begun although it is due: "volume" or "permit"; else empty. */
  readonly waitsFor: string;
}

/** What was due and could not begin, when it was last tried. */
export interface NotBegun extends TaskName {
  readonly moment: Date;
  readonly error: ErrorDetail;
}

interface SchedulerParts {
  readonly config: AgentConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly runs: Pick<RunManager, "busy" | "get" | "list" | "wait">;
  readonly store: OccurrenceStore;
  /** What tells this machine from others. */
  readonly seed: string;
  readonly start: (work: Work, asked: Pick<Asked, "caller" | "registered">) => Promise<{ run: Run }>;
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tasks = new Map<string, ScheduledTask>();
  readonly #own: readonly Assignment[];
  /** What is waited for just now; not signals made of others, which a process of years would gather. */
  readonly #waits = new Set<AbortController>();
  readonly #changed = new Change();
  /** Rings when {@link Scheduler.notBegun} is another. */
  readonly begunOrNot = new Change();
  #permit: Permit = async () => () => undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#own = ownAssignments(parts.config.jobs.values());
    this.#assign(this.#own);
  }

  /** Before anything is given that asks for permits: until then they are all granted. */
  usePermits(permit: Permit): void {
    this.#permit = permit;
  }

  /**
   * In the place of all that were given before; those of the configuration stay. Runs under way go on.
   * @returns what is wrong with those that cannot be followed, in words
   */
  setAssignments(given: readonly ScheduleAssignment[]): string[] {
    const faults: string[] = [];
    const tooMany = `there are more than ${mostGiven} schedules, and the others are not followed`;
    if (given.length > mostGiven) faults.push(tooMany);
    const assignments = given.slice(0, mostGiven).flatMap((each) => {
      try {
        return [readAssignment(each)];
      } catch (error) {
        const { message } = asLuksmithError(error);
        faults.push(message);
        this.#log.error({ schedule: each.schedule }, `this schedule cannot be followed: ${message}`);
        return [];
      }
    });
    this.#assign([...this.#own, ...assignments]);
    this.#changed.ring();
    return faults;
  }

  begin(): void {
    this.#looking ??= this.#look();
  }

  /** Begins nothing any more. Runs under way are the run manager's to end; they are begun again by the next agent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wait of this.#waits) wait.abort();
    for (const task of this.#tasks.values()) task.stopAsking();
    await this.#looking;
  }

  /** When a backup of the job is next begun by itself; undefined: no schedule has it. */
  nextBackup(job: string): NextBackup | undefined {
    const nowMs = this.#nowMs();
    const backups = [...this.#tasks.values()].filter(({ name }) => name.verb === Verb.BACKUP && name.job === job);
    const starts = backups.flatMap((task) => {
      const next = this.#next(task);
      if (next === undefined) return [];
      const waitsFor = next.beginMs <= nowMs ? task.waitsFor : "";
      return { at: new Date(next.beginMs), schedule: task.name.schedule, waitsFor };
    });
    return starts.toSorted((a, b) => a.at.getTime() - b.at.getTime())[0];
  }

  notBegun(): NotBegun[] {
    return [...this.#tasks.values()].flatMap(({ name, notBegun }) =>
      notBegun === undefined ? [] : [{ ...name, moment: new Date(notBegun.momentMs), error: notBegun.error }],
    );
  }

  #assign(assignments: readonly Assignment[]): void {
    const wanted = new Map<string, { name: TaskName; assignment: Assignment }>();
    for (const assignment of assignments) {
      const names = tasksOf(assignment, this.#parts.config);
      if (names.length === 0)
        this.#log.warn({ schedule: assignment.schedule }, "this machine has nothing of this schedule");
      for (const name of names) wanted.set(taskKey(name), { name, assignment });
    }
    for (const [key, task] of this.#tasks) {
      const same = JSON.stringify(wanted.get(key)?.assignment) === JSON.stringify(task.assignment);
      if (same) continue;
      this.#tasks.delete(key);
      task.stopAsking();
    }
    const shared = new Map<Assignment, SharedTimes>();
    for (const [key, { name, assignment }] of wanted) {
      if (this.#tasks.has(key)) continue;
      const times = shared.get(assignment) ?? sharedTimes(assignment);
      shared.set(assignment, times);
      const past = this.#past(name, assignment);
      this.#tasks.set(key, new ScheduledTask(name, assignment, times, this.#parts.seed, past));
    }
  }

  #past(name: TaskName, { times, work, sinceMs }: Assignment): TaskPast {
    const { store, config } = this.#parts;
    const nowMs = this.#nowMs();
    try {
      const begun = store.begun(name);
      const { attempts } = retryPolicyOf(work.retry, config.runs.retry);
      const unended = begun.filter(({ state }) => state === "running");
      const newest = unended.toSorted((a, b) => b.momentMs - a.momentMs)[0];
      const unfinished = newest && this.#unfinished(newest, attempts);
      for (const each of unended) if (each !== newest || unfinished === "ended") store.end(name, each.momentMs);
      const since = store.since(name, JSON.stringify([times.cron, times.timezone, sinceMs]), sinceMs, nowMs);
      return { sinceMs: since, begun, unfinished: unfinished === "ended" ? undefined : unfinished };
    } catch (error) {
      // whatever was done before, nothing is to be done for the second time
      this.#complain(error, name);
      return { sinceMs: nowMs, begun: [], unfinished: undefined };
    }
  }

  /** What is to be begun again of something that was under way when an agent ended; undefined: it still is under way. */
  #unfinished(begun: Begun, attempts: number): Begun | "ended" | undefined {
    const run = this.#runOf(begun);
    if (run?.state === RunState.RUNNING) return undefined;
    // it was killed before anything of the run could happen; or an agent that stopped has ended it
    if (run === undefined || run.state === RunState.CANCELLED) return { ...begun, tries: begun.tries - 1 };
    const again = run.state === RunState.INTERRUPTED && attempts > 1 && begun.tries < mostTries;
    return again ? begun : "ended";
  }

  #runOf({ runId }: Begun): Run | undefined {
    try {
      return this.#parts.runs.get(runId);
    } catch (error) {
      if (asLuksmithError(error).code === "not_found") return undefined;
      throw error;
    }
  }

  async #look(): Promise<void> {
    while (!this.#isClosed) {
      const enough = new AbortController();
      const rung = this.#changed.wait(enough.signal);
      let idleMs = longestSleepMs;
      try {
        idleMs = this.#beginWhatIsDue();
      } catch (error) {
        this.#log.error({ err: error }, "schedules cannot be looked at");
      }
      await this.#rest(idleMs, rung);
      enough.abort();
    }
  }

  /** @returns how long there is nothing to do */
  #beginWhatIsDue(): number {
    const nowMs = this.#nowMs();
    let wakeMs = nowMs + longestSleepMs;
    const due: { task: ScheduledTask; momentMs: number }[] = [];
    for (const task of this.#tasks.values()) {
      if (task.isBusy) {
        if (!task.isOpen(nowMs)) task.stopAsking();
        continue;
      }
      const next = this.#next(task);
      if (next === undefined) continue;
      if (next.beginMs <= nowMs) due.push({ task, momentMs: next.momentMs });
      else wakeMs = Math.min(wakeMs, next.beginMs);
    }
    for (const { task } of due.toSorted((a, b) => a.momentMs - b.momentMs)) {
      task.isBusy = true;
      this.#perform(task)
        .catch((error: unknown) => {
          this.#complain(error, task.name);
          return this.#rest(longestSleepMs);
        })
        .finally(() => {
          task.isBusy = false;
          task.waitsFor = "";
          this.#changed.ring();
        });
    }
    return wakeMs - nowMs;
  }

  /** To be asked for again when it returns: it may have waited without beginning anything. */
  async #perform(task: ScheduledTask): Promise<void> {
    const { name, assignment } = task;
    const busy = this.#parts.runs.busy(name.volume);
    if (busy !== undefined) return this.#waitForVolume(task, busy);
    const giveBack = assignment.needsPermit ? await this.#ask(task) : () => undefined;
    if (giveBack === undefined) return;
    let isLocked = false;
    try {
      // permits take their time: the window may have closed, or a newer occurrence have come
      const due = this.#due(task);
      if (due !== undefined && this.#isCurrent(task)) isLocked = (await this.#run(task, due)) === "locked";
    } finally {
      giveBack();
    }
    // somebody was quicker, or a run like this waits for another attempt
    if (isLocked) await this.#waitForVolume(task, this.#parts.runs.busy(name.volume));
  }

  /** One that is not is begun by the task in its place, if at all, which would know nothing of what this one does. */
  #isCurrent(task: ScheduledTask): boolean {
    return !this.#isClosed && this.#tasks.get(taskKey(task.name)) === task;
  }

  async #ask(task: ScheduledTask): Promise<(() => void) | undefined> {
    const momentMs = this.#due(task);
    if (momentMs === undefined) return undefined;
    task.waitsFor = "permit";
    const signal = task.asking();
    try {
      return await this.#permit({ ...task.name, moment: new Date(momentMs) }, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      task.waitsFor = "";
    }
  }

  async #run(task: ScheduledTask, momentMs: number): Promise<"locked" | undefined> {
    const { name, assignment } = task;
    const { job, volume } = name;
    const work = { ...assignment.work, job, volume: job === "" ? volume : "" };
    const caller = { uid: 0, name: `schedule ${name.schedule}` };
    const registered = (run: Run) => {
      if (!this.#isCurrent(task)) throw new LuksmithError("cancelled", "the schedule is no more");
      this.#write(task, momentMs, run.id);
    };
    let run: Run;
    try {
      ({ run } = await this.#parts.start(work, { caller, registered }));
    } catch (thrown) {
      if (!this.#isCurrent(task)) return undefined;
      const error = asLuksmithError(thrown);
      if (error.code === "locked") return "locked";
      this.#refused(task, momentMs, error);
      return undefined;
    }
    await this.#parts.runs.wait(run.id);
    // one that ends because the agent stops is for the next agent
    if (this.#isClosed) return undefined;
    try {
      this.#parts.store.end(name, momentMs);
    } catch (error) {
      this.#complain(error, name);
    }
    return undefined;
  }

  #refused(task: ScheduledTask, momentMs: number, error: LuksmithError): void {
    const { schedule, verb } = task.name;
    const what = `${verbWords(verb)} of ${describeTask(task.name)}`;
    this.#log.error({ schedule, err: error, hint: error.hint }, `${what} was due and cannot begin: ${error.message}`);
    this.#write(task, momentMs, "", toErrorDetail(error));
  }

  /** A history that cannot be written must not end backups: then it is known for as long as this agent lives. */
  #write(task: ScheduledTask, momentMs: number, runId: string, error?: ErrorDetail): void {
    const { begun, dropped } = task.begin(momentMs, this.#nowMs(), runId, error);
    this.begunOrNot.ring();
    try {
      this.#parts.store.put(task.name, begun);
      if (dropped !== undefined) this.#parts.store.end(task.name, dropped.momentMs);
    } catch (fault) {
      this.#complain(fault, task.name);
    }
  }

  async #waitForVolume(task: ScheduledTask, until: Promise<unknown> | undefined): Promise<void> {
    task.waitsFor = "volume";
    await this.#rest(longestSleepMs, until);
  }

  /** Until something has happened, or so much time has passed, or this ends. */
  async #rest(ms: number, until?: Promise<unknown>): Promise<void> {
    if (this.#isClosed) return;
    const wait = new AbortController();
    this.#waits.add(wait);
    const sleep = pause(this.#clock, ms, wait.signal);
    await Promise.race(until === undefined ? [sleep] : [sleep, until]);
    wait.abort();
    this.#waits.delete(wait);
  }

  #due(task: ScheduledTask): number | undefined {
    const next = this.#next(task);
    return next !== undefined && next.beginMs <= this.#nowMs() ? next.momentMs : undefined;
  }

  #next(task: ScheduledTask) {
    return task.next(this.#nowMs(), this.#lastGoodMs(task));
  }

  #lastGoodMs({ name, hasMaxAge }: ScheduledTask): number | undefined {
    if (!hasMaxAge) return undefined;
    const states = [RunState.DONE, RunState.INCOMPLETE];
    try {
      const good = this.#parts.runs.list({ job: name.job, verb: Verb.BACKUP, states, limit: runsLookedAt });
      return good.find(({ dryRun }) => !dryRun)?.startedAt?.getTime();
    } catch (error) {
      this.#complain(error, name);
      // it is not known to be too old
      return this.#nowMs();
    }
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }

  #complain(error: unknown, { schedule, job, volume }: TaskName): void {
    this.#log.error({ err: error, schedule, job, volume }, "a schedule meets a fault");
  }
}
