/**
 * What machines have to say, written by one transaction for all of them that have come within a few milliseconds: a commit waits for
 * the disk, whatever is in it. Nobody is told that something is stored before it is; while the database is away all wait.
 */

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { RunReport } from "../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, type Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { storePings } from "../alerts/on-run-report.ts";
import { LimitedLog } from "../limited-log.ts";
import { Allowances } from "../listen/allowances.ts";
import { type Answer, answerDispatches, followDispatches, getDispatches } from "../store/dispatches.ts";
import { advanceJobs } from "../store/job-states.ts";
import { returnPermitOfRun } from "../store/permits.ts";
import { addEvents, type NewEvent } from "../store/run-events.ts";
import { recordRuns } from "../store/runs.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { addUsage, type Usage } from "../store/usage.ts";
import { type AnyCrowd, Crowd, type CrowdWork } from "./crowd.ts";

/**
 * Long enough for others to join, each time: a commit of some milliseconds holds up everything else on SQLite, and a crowd that comes one
 * by one would have one each. No person waits for what is written here.
 */
const lingerMs = 20;
/** Of messages and events in one transaction: on SQLite whoever reads waits for its end, some ten milliseconds. */
const mostWeight = 1000;
/** What an answer or a report has to be looked up and changed, in events. */
const messageWeight = 8;
/** A few statements. */
const workWeight = 5;
/** Whoever watches looks by themselves as well. */
const mostNotices = 50;

/** Of one machine: each is a request to somebody else, and is remembered for a month. A few jobs that run each hour are far below. */
const pingRate = { perMinute: 2, atOnce: 200 };
/** Those who begin runs by hand, as often as they like, are not to have schedules go unheard. */
const handPingRate = { perMinute: 1, atOnce: 50 };

/** Of one message of one machine. */
export interface Recording {
  readonly machineId: string;
  readonly reports: readonly RunReport[];
  readonly events: readonly NewEvent[];
  readonly answers: readonly Answer[];
  /** How long a run of this schedule may take; undefined: for ever, as far as is known. */
  readonly deadlineOf: (schedule: string) => number | undefined;
}

/** Cancelled by an operator, and under way nevertheless: by dispatch, with who it was. */
export type Unwanted = readonly { readonly dispatchId: string; readonly runId: string; readonly operator: string }[];

/** Who counts. */
export interface JournalEvents {
  runEnded(verb: Verb, state: RunState): void;
  eventsRecorded(count: number): void;
  batchWritten(durationMs: number): void;
  storeFailed(): void;
}

/** Who sees to it that no machine has too much. */
export interface UsageListener {
  look(usages: readonly Usage[]): void;
}

type Part =
  | { readonly kind: "recording"; readonly recording: Recording; readonly done: (unwanted: Unwanted) => void }
  | { readonly kind: "work"; readonly work: (transaction: Database) => Promise<() => void> }
  | { readonly kind: "member"; readonly crowd: AnyCrowd; readonly member: object };

interface Waiting {
  readonly part: Part;
  readonly weight: number;
  readonly failed: (error: unknown) => void;
}

export class Journal {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #lines: LimitedLog;
  readonly #pings: Allowances;
  readonly #handPings: Allowances;
  readonly #events: JournalEvents | undefined;
  readonly #quota: UsageListener;
  readonly #stopped = new AbortController();
  #waiting: Waiting[] = [];
  /** Of all that waits. */
  #weight = 0;
  #writing: Promise<void> | undefined;

  constructor(store: Store, quota: UsageListener, clock: Clock, log: Log, events?: JournalEvents) {
    this.#store = store;
    this.#clock = clock;
    this.#lines = new LimitedLog(log, clock);
    this.#pings = new Allowances(clock, pingRate);
    this.#handPings = new Allowances(clock, handPingRate);
    this.#events = events;
    this.#quota = quota;
  }

  /** Resolves when it is stored. */
  record(recording: Recording): Promise<Unwanted> {
    return new Promise((resolve, reject) => {
      const weight = messageWeight + recording.events.length;
      this.#add({ part: { kind: "recording", recording, done: resolve }, weight, failed: reject });
    });
  }

  /** Resolves when what `work` has done is stored. It may be done again, and waits for nothing but the database. */
  run<T>(work: (transaction: Database) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const part: Part = {
        kind: "work",
        work: async (transaction) => {
          const result = await work(transaction);
          return () => resolve(result);
        },
      };
      this.#add({ part, weight: workWeight, failed: reject });
    });
  }

  /**
   * The same for what many machines may want at a time: `work` is done once for all of those that are written together, after
   * whatever else is.
   * @param weightOf one, in events, when it is not little
   */
  together<In extends { readonly machineId: string }, Out>(
    work: CrowdWork<In, Out>,
    weightOf: (input: In) => number = () => 0,
  ): (input: In) => Promise<Out> {
    const crowd = new Crowd(work);
    return (input) =>
      new Promise((resolve, reject) => {
        const member = crowd.join(input, resolve);
        this.#add({ part: { kind: "member", crowd, member }, weight: workWeight + weightOf(input), failed: reject });
      });
  }

  /** What waits is written, unless the database does not take it: then all that waits is refused. */
  async close(hurry: AbortSignal): Promise<void> {
    const stop = () => this.#stopped.abort();
    hurry.addEventListener("abort", stop, { once: true });
    if (hurry.aborted) stop();
    await this.#writing;
    hurry.removeEventListener("abort", stop);
    stop();
  }

  #add(waiting: Waiting): void {
    if (this.#stopped.signal.aborted) {
      waiting.failed(this.#stopped.signal.reason);
      return;
    }
    this.#waiting.push(waiting);
    this.#weight += waiting.weight;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        // SQLite answers without the process having waited: sockets and whoever reads would have no turn
        if (this.#weight >= mostWeight) await setImmediate();
        else await this.#clock.sleep(lingerMs);
        await this.#write(this.#next());
      }
    } finally {
      // in the same moment in which nothing waits: what comes a moment later is to find nobody who writes
      this.#writing = undefined;
    }
  }

  #next(): Waiting[] {
    let weight = 0;
    const beyond = this.#waiting.findIndex((waiting, index) => {
      weight += waiting.weight;
      return index > 0 && weight > mostWeight;
    });
    const next = this.#waiting.splice(0, beyond < 0 ? this.#waiting.length : beyond);
    for (const each of next) this.#weight -= each.weight;
    return next;
  }

  async #write(those: readonly Waiting[]): Promise<void> {
    const { signal } = this.#stopped;
    try {
      const tell = await this.#store.patiently(() => this.#transact(those), signal);
      for (const each of tell) each();
    } catch (error) {
      const [only, ...others] = those;
      if (others.length === 0 || signal.aborted) for (const { failed } of those) failed(error);
      else {
        // one of them is at fault, and the others are not to lose by it
        if (only !== undefined) this.#lines.warn("", { err: error, parts: those.length }, "written one by one");
        for (const each of those) await this.#write([each]);
      }
    }
  }

  async #transact(those: readonly Waiting[]): Promise<(() => void)[]> {
    const beganMs = this.#clock.monotonicMs();
    try {
      const tell = await this.#store.transaction((transaction) => this.#apply(transaction, those));
      this.#events?.batchWritten(this.#clock.monotonicMs() - beganMs);
      return tell;
    } catch (error) {
      this.#events?.storeFailed();
      throw error;
    }
  }

  async #apply(transaction: Database, those: readonly Waiting[]): Promise<(() => void)[]> {
    const tell: (() => void)[] = [];
    const recordings = those.flatMap(({ part }) => (part.kind === "recording" ? [part] : []));
    if (recordings.length > 0) tell.push(await this.#applyRecordings(transaction, recordings));
    for (const { part } of those) if (part.kind === "work") tell.push(await part.work(transaction));
    const members = those.flatMap(({ part }) => (part.kind === "member" ? [part] : []));
    for (const [crowd, its] of Map.groupBy(members, ({ crowd }) => crowd)) {
      tell.push(
        await crowd.apply(
          transaction,
          its.map(({ member }) => member),
        ),
      );
    }
    return tell;
  }

  async #applyRecordings(
    transaction: Database,
    those: readonly { recording: Recording; done: (unwanted: Unwanted) => void }[],
  ): Promise<() => void> {
    const nowMs = this.#clock.now().getTime();
    const recordings = those.map(({ recording }) => recording);
    const reports = recordings.flatMap((recording) =>
      recording.reports.map((report) => ({ machineId: recording.machineId, report, recording })),
    );
    const answers = recordings.flatMap((recording) => recording.answers);
    const followed = reports.flatMap(({ machineId, report: { run, cause } }) =>
      run === undefined || !cause?.dispatchId
        ? []
        : [{ machineId, dispatchId: cause.dispatchId, runId: run.id, isOver: run.state !== RunState.RUNNING }],
    );
    const underWay = [
      ...followed.filter(({ isOver }) => !isOver),
      ...answers.flatMap(({ runId, ...answer }) => (runId === undefined ? [] : [{ ...answer, runId }])),
    ];
    const dispatches = new Map(
      (
        await getDispatches(transaction, [...new Set([...followed, ...underWay].map(({ dispatchId }) => dispatchId))])
      ).map((dispatch) => [dispatch.id, dispatch]),
    );
    const deadlineMs = ({ recording, report: { cause } }: (typeof reports)[number]) => {
      const dispatch = dispatches.get(cause?.dispatchId ?? "");
      if (dispatch !== undefined && dispatch.machineId === recording.machineId) return dispatch.work.deadlineMs;
      return cause?.schedule ? recording.deadlineOf(cause.schedule) : undefined;
    };
    const runs = await recordRuns(
      transaction,
      reports.map((each) => ({
        machineId: each.machineId,
        report: each.report,
        lateMs: lateMs(each.report, deadlineMs(each)),
      })),
    );
    const events = await addEvents(
      transaction,
      recordings.flatMap((recording) => recording.events),
    );
    const usages = await addUsage(transaction, [...runs, ...events]);
    await advanceJobs(transaction, reports, nowMs);
    await storePings(transaction, reports, nowMs, (...ping) => this.#mayPing(...ping));
    const batches = [
      ...(await answerDispatches(transaction, answers, nowMs)),
      ...(await followDispatches(transaction, followed, nowMs)),
    ];
    const freed = await this.#returnPermits(transaction, reports);
    const unwanted = Map.groupBy(
      underWay.flatMap(({ machineId, dispatchId, runId }) => {
        const dispatch = dispatches.get(dispatchId);
        if (dispatch?.machineId !== machineId || dispatch.state !== "cancelled") return [];
        return [{ machineId, dispatchId, runId, operator: dispatch.cancelledBy ?? "" }];
      }),
      ({ machineId }) => machineId,
    );
    return () => {
      for (const { recording, done } of those) done(unwanted.get(recording.machineId) ?? []);
      this.#count(recordings);
      this.#tell(reports, batches, freed);
      this.#quota.look(usages);
    };
  }

  #mayPing(machineId: string, isScheduled: boolean): boolean {
    if ((isScheduled ? this.#pings : this.#handPings).take(machineId)) return true;
    this.#lines.warn(machineId, { machine: machineId }, "a machine reports more runs than are told to others");
    return false;
  }

  #count(recordings: readonly Recording[]): void {
    for (const { reports, events } of recordings) {
      this.#events?.eventsRecorded(events.length);
      for (const { run } of reports) {
        if (run !== undefined && run.state !== RunState.RUNNING) this.#events?.runEnded(run.verb, run.state);
      }
    }
  }

  async #returnPermits(
    transaction: Database,
    reports: readonly { machineId: string; report: RunReport }[],
  ): Promise<string[]> {
    const freed: string[] = [];
    for (const { machineId, report } of reports) {
      const { run, cause } = report;
      if (run === undefined || run.state === RunState.RUNNING || !cause?.schedule || !cause.occurrence) continue;
      const { job, volume } = run;
      const key = { machineId, job, volume, schedule: cause.schedule, occurrenceMs: cause.occurrence.getTime() };
      if (await returnPermitOfRun(transaction, key)) freed.push(cause.schedule);
    }
    return freed;
  }

  #tell(
    reports: readonly { machineId: string; report: RunReport }[],
    batches: readonly string[],
    freed: readonly string[],
  ): void {
    const { notices } = this.#store;
    const runs = new Set(reports.map(({ machineId, report }) => `${machineId}/${report.run?.id}`));
    for (const id of [...runs].slice(0, mostNotices)) notices.tell("run", id);
    for (const batch of new Set(batches)) notices.tell("dispatch", batch);
    // somebody else may have one now
    if (freed.length > 0) notices.tell("permit", "");
  }
}

function lateMs({ run }: RunReport, deadlineMs: number | undefined): number | undefined {
  if (run?.startedAt === undefined || deadlineMs === undefined || deadlineMs === 0) return undefined;
  return run.startedAt.getTime() + deadlineMs;
}
