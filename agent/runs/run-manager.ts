/** The runs of this machine: starts them, one at a time per volume, ends them, shows them and those before. */

import { randomInt } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { formatDuration } from "../../common/units.ts";
import {
  type Caller,
  type Progress,
  type Run,
  type RunEvent,
  RunState,
  Verb,
} from "../../proto/gen/luksmith/v1/types.ts";
import { ActiveRun } from "./active-run.ts";
import { Change } from "./change.ts";
import type { Requester, RunRequest, RunWork } from "./context.ts";
import { EventRecord } from "./event-record.ts";
import { nextRunId, parseRunIdPrefix, runIdRandomRange } from "./run-id.ts";
import { interrupted, verbWords } from "./run-outcome.ts";
import { defaultListed, type RunFilter, type RunStore } from "./run-store.ts";
import { watchHistory, watchRecord } from "./run-watch.ts";

/** Runs that ended while the history could not be written are held in memory, these many. */
const heldUnwritten = 16;
/** What is attached is let go of sooner; this is for hooks that run after a backup. */
const stoppingPatienceMs = 60_000;

/** As many as are kept. */
const mostSearched = 1000;

const everyRun = () => true;

type OnStarted = (run: Run, requester: Requester) => void;
type OnEnded = (run: Run) => void;

export class RunManager {
  /** Rings when a run has begun. */
  readonly begun = new Change();
  readonly #store: RunStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onStarted: OnStarted;
  readonly #onEnded: OnEnded;
  readonly #active = new Map<string, { readonly run: ActiveRun; readonly ended: Promise<Run> }>();
  readonly #unwritten = new Map<string, ActiveRun>();
  readonly #reservations = new Map<string, Promise<unknown>>();
  #newestId: string | undefined;
  #closing = false;

  /**
   * Also marks the runs that an agent before left behind under way as interrupted.
   * @param onStarted is told of each run before anything of it happens
   * @param onEnded is told of each run when it is over and written down
   */
  constructor(
    store: RunStore,
    clock: Clock,
    log: Log,
    onStarted: OnStarted = () => undefined,
    onEnded: OnEnded = () => undefined,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#onStarted = onStarted;
    this.#onEnded = onEnded;
    this.#newestId = store.newestId();
    this.#markInterrupted();
    store.prune(clock.now());
  }

  /**
   * Registers the run and returns; its work begins right afterwards.
   * @throws {LuksmithError} "locked" when another run holds the volume, "unreachable" when the agent is stopping
   */
  start(request: RunRequest, work: RunWork): Run {
    if (this.#closing) {
      throw new LuksmithError("unreachable", "the agent is stopping", { hint: "systemctl status luksmith-agent" });
    }
    const holder = this.heldBy(request.volume);
    const sees = request.caller.sees ?? everyRun;
    if (holder !== undefined) throw sees(holder) ? locked(holder) : lockedByAnother(request.volume);
    if (this.#reservations.has(request.volume)) throw beingCleaned(request.volume);
    const waiting = this.#waitingLike(request);
    if (waiting !== undefined) {
      throw sees(waiting) ? triesAgain(waiting, this.#clock.now()) : lockedByAnother(request.volume);
    }
    this.#writeUnwritten();

    const now = this.#clock.now();
    const caller = { uid: request.caller.uid, name: request.caller.name };
    this.#newestId = nextRunId(this.#newestId, now, randomInt(runIdRandomRange));
    const run: Run = {
      id: this.#newestId,
      verb: request.verb,
      volume: request.volume,
      job: request.job ?? "",
      state: RunState.RUNNING,
      startedAt: now,
      finishedAt: undefined,
      caller,
      error: undefined,
      summary: "",
      snapshot: "",
      dryRun: request.dryRun ?? false,
      totals: undefined,
      retry: undefined,
    };
    request.registered?.(run);
    const log = this.#log.child({ run: run.id, verb: verbWords(run.verb), volume: run.volume });
    log.info({ job: run.job, caller, dryRun: run.dryRun }, "run started");
    this.#onStarted(run, request.caller);
    const record = new EventRecord(run, this.#store, this.#clock);
    record.record({ $case: "started", value: { run } });
    const active = new ActiveRun(caller, record, this.#clock, log, request.retry);
    // after this call has returned, so that the caller knows of the run before anything of it happens
    const ended = Promise.resolve().then(() => this.#execute(active, work, request.deadlineMs));
    this.#active.set(run.id, { run: active, ended });
    this.begun.ring();
    return run;
  }

  /**
   * @param idOrPrefix an id, a prefix that fits just one run, or "last"
   * @param sees of which runs there are is told; the others are as if there were none
   * @throws {LuksmithError} "not_found"; "usage" when it fits several runs or cannot be an id
   */
  get(idOrPrefix: string, sees: (run: Run) => boolean = everyRun): Run {
    const run = this.#byId(this.#resolve(idOrPrefix, sees));
    if (run === undefined || !sees(run)) throw notFound();
    return run;
  }

  #byId(id: string): Run | undefined {
    return this.#inMemory(id)?.run ?? this.#fromHistory(this.#store.get(id));
  }

  /** Newest first. */
  list(filter: RunFilter = {}): Run[] {
    // the history may be behind what is in memory
    const inMemory = [...[...this.#active.values()].map(({ run }) => run), ...this.#unwritten.values()]
      .map(({ run }) => run)
      .filter((run) => fits(run, filter));
    const before = this.#store
      .list(filter)
      .filter(({ id }) => this.#inMemory(id) === undefined)
      .flatMap((run) => this.#fromHistory(run) ?? []);
    return [...inMemory, ...before].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, filter.limit ?? defaultListed);
  }

  /**
   * The run's events from the first on. Recorded events count 1, 2, 3...; progress that is not on record comes in
   * between when `follow`, under the seq of the event it follows. Ends after RunEnded, or, unless `follow`, with the
   * events there are; silently when `signal` is aborted.
   * @throws {LuksmithError} as get; during the iteration when the history cannot be read
   */
  watch(idOrPrefix: string, follow: boolean, signal: AbortSignal): AsyncIterable<RunEvent> {
    const run = this.get(idOrPrefix);
    const record = this.#inMemory(run.id)?.record;
    return record === undefined ? watchHistory(this.#store, run, signal) : watchRecord(record, follow, signal);
  }

  /**
   * Asks a run to end, and returns at once; one that has ended already is returned as it is. Asked for the second time,
   * it waits for nothing any more. @throws as get
   */
  cancel(idOrPrefix: string, by: Caller): Run {
    const { id } = this.get(idOrPrefix);
    const run = this.#active.get(id)?.run;
    const reason = new LuksmithError("cancelled", `cancelled by ${by.name || `uid ${by.uid}`}`);
    if (run?.signal.aborted) run.cancelNow(reason);
    else run?.cancel(reason);
    return this.get(id);
  }

  /** The run when it is over, however it ended. @throws as get */
  async wait(idOrPrefix: string): Promise<Run> {
    const run = this.get(idOrPrefix);
    return (await this.#active.get(run.id)?.ended) ?? run;
  }

  /** The run that has the volume now. */
  heldBy(volume: string): Run | undefined {
    return this.#holderOf(volume)?.run.run;
  }

  /** Until the volume may be free; undefined when it is. */
  busy(volume: string): Promise<unknown> | undefined {
    const holder = this.#holderOf(volume);
    if (holder !== undefined) return Promise.race([holder.ended, holder.run.restBegins]);
    return this.#reservations.get(volume)?.catch(() => undefined);
  }

  #holderOf(volume: string) {
    return [...this.#active.values()].find(({ run }) => run.run.volume === volume && !run.isResting);
  }

  /** A backup that has failed, and will make the very snapshot when it tries again. */
  #waitingLike({ verb, volume, job, dryRun }: RunRequest): Run | undefined {
    if (verb !== Verb.BACKUP || dryRun === true) return undefined;
    return this.running().find(
      (run) => run.verb === verb && run.volume === volume && run.job === (job ?? "") && !run.dryRun,
    );
  }

  /**
   * For what is done to a volume and is no run: none begins meanwhile.
   * @throws {LuksmithError} "locked" when a run, or another such work, has it
   */
  async reserved<T>(volume: string, work: () => Promise<T>): Promise<T> {
    const holder = this.heldBy(volume);
    if (holder !== undefined) throw locked(holder);
    if (this.#reservations.has(volume)) throw beingCleaned(volume);
    const done = work();
    this.#reservations.set(volume, done);
    try {
      return await done;
    } finally {
      this.#reservations.delete(volume);
    }
  }

  /** Oldest first, with how far each has come. */
  underWay(): { readonly run: Run; readonly progress: Progress | undefined }[] {
    return [...this.#active.values()].map(({ run: { run, record } }) => ({ run, progress: record.progress }));
  }

  /** Oldest first. */
  running(): Run[] {
    return [...this.#active.values()].map(({ run }) => run.run);
  }

  /**
   * Refuses new runs, cancels those under way and waits until each has put away what it used. The store stays open.
   * @param hurry as soon as it is aborted, and in any case after a while, they wait for nothing any more
   */
  async close(hurry?: AbortSignal): Promise<void> {
    this.#closing = true;
    const ended = [...this.#active.values()].map((active) => active.ended);
    const stopping = new LuksmithError("cancelled", "the agent is stopping");
    for (const { run } of this.#active.values()) run.cancel(stopping);
    const endNow = () => {
      for (const { run } of this.#active.values()) run.cancelNow(stopping);
    };
    const allEnded = new AbortController();
    this.#clock.sleep(stoppingPatienceMs, allEnded.signal).then(endNow, () => undefined);
    hurry?.addEventListener("abort", endNow, { once: true });
    if (hurry?.aborted) endNow();
    await Promise.all(ended);
    allEnded.abort();
    hurry?.removeEventListener("abort", endNow);
    this.#writeUnwritten();
  }

  async #execute(active: ActiveRun, work: RunWork, deadlineMs: number | undefined): Promise<Run> {
    const over = new AbortController();
    if (deadlineMs !== undefined) {
      const late = () => active.cancel(tooLong(deadlineMs, active.run));
      this.#clock.sleep(deadlineMs, over.signal).then(late, () => undefined);
    }
    const outcome = await active.execute(work, () => this.busy(active.run.volume));
    over.abort();
    // both at once: who has seen the run end finds its volume free
    const written = active.end(outcome);
    this.#active.delete(active.runId);
    if (!written) this.#hold(active);
    this.#onEnded(active.run);
    this.#store.prune(this.#clock.now());
    return active.run;
  }

  #hold(active: ActiveRun): void {
    this.#unwritten.set(active.runId, active);
    const [oldest] = this.#unwritten.keys();
    if (this.#unwritten.size > heldUnwritten && oldest !== undefined) {
      this.#unwritten.delete(oldest);
      this.#log.error({ run: oldest }, "the record of a run is lost");
    }
  }

  #writeUnwritten(): void {
    for (const [id, active] of this.#unwritten) {
      if (!active.record.write()) return;
      this.#unwritten.delete(id);
    }
  }

  #inMemory(id: string): ActiveRun | undefined {
    return this.#active.get(id)?.run ?? this.#unwritten.get(id);
  }

  #resolve(idOrPrefix: string, sees: (run: Run) => boolean): string {
    const inMemory = [...this.#active.keys(), ...this.#unwritten.keys()];
    if (idOrPrefix === "last") {
      const newest =
        sees === everyRun
          ? [...inMemory, this.#store.newestId() ?? ""].sort().at(-1)
          : this.list({ limit: mostSearched }).find(sees)?.id;
      if (!newest) throw new LuksmithError("not_found", "there was no run yet");
      return newest;
    }
    const prefix = parseRunIdPrefix(idOrPrefix);
    if (this.#inMemory(prefix) !== undefined) return prefix;
    // of all, two more than one are enough to say that it is not clear which
    const inHistory = this.#store.idsLike(prefix, sees === everyRun ? 3 : mostSearched);
    const fitting = new Set([...inMemory.filter((id) => id.startsWith(prefix)), ...inHistory]);
    const seen = (id: string) => {
      const run = this.#byId(id);
      return run !== undefined && sees(run);
    };
    const [id, another] = sees === everyRun ? fitting : [...fitting].filter(seen);
    if (id === undefined) throw notFound();
    if (another !== undefined) {
      throw new LuksmithError("usage", `more than one run begins with ${prefix}, such as ${id} and ${another}`, {
        hint: "type more of the id",
      });
    }
    return id;
  }

  #markInterrupted(): void {
    for (const run of this.#store.list({ states: [RunState.RUNNING], limit: 1000 })) {
      const marked = this.#fromHistory(run);
      if (marked === undefined || !this.#store.save(run.id, marked, [])) continue;
      this.#log.warn({ run: run.id, verb: verbWords(run.verb), volume: run.volume }, "this run was interrupted");
    }
  }

  /** A run that is not in memory is over, whatever the history (which may have failed to be written) says of it. */
  #fromHistory(run: Run | undefined): Run | undefined {
    if (run?.state !== RunState.RUNNING) return run;
    return interrupted(run, this.#store.lastEvent(run.id)?.time ?? run.startedAt ?? this.#clock.now());
  }
}

function fits(run: Run, filter: RunFilter): boolean {
  return (
    (filter.job === undefined || run.job === filter.job) &&
    (filter.volume === undefined || run.volume === filter.volume) &&
    (filter.volumes === undefined || filter.volumes.includes(run.volume)) &&
    (filter.verb === undefined || run.verb === filter.verb) &&
    (filter.states === undefined || filter.states.includes(run.state))
  );
}

function locked(holder: Run): LuksmithError {
  const who = holder.caller?.name || `uid ${holder.caller?.uid ?? "unknown"}`;
  const since = holder.startedAt?.toISOString().replace(/\.\d+Z$/, "Z");
  return new LuksmithError(
    "locked",
    `volume ${holder.volume} is in use: ${verbWords(holder.verb)} by ${who} since ${since} (run ${holder.id})`,
    {
      hint:
        holder.verb === Verb.BROWSE
          ? `to end it: luksmith browse --end ${holder.job}`
          : `luksmith log ${holder.id} --follow`,
    },
  );
}

/** For somebody who is not to know of the run that holds it. */
function lockedByAnother(volume: string): LuksmithError {
  return new LuksmithError("locked", `volume ${volume} is in use by somebody else`, { hint: "try again later" });
}

function beingCleaned(volume: string): LuksmithError {
  return new LuksmithError("locked", `volume ${volume} is being cleaned up`, { hint: "try again in a moment" });
}

function triesAgain(run: Run, now: Date): LuksmithError {
  const waitMs = Math.max(0, (run.retry?.nextAt?.getTime() ?? 0) - now.getTime());
  return new LuksmithError(
    "locked",
    `run ${run.id} does the same, and tries again in ${formatDuration(waitMs)}: ${run.retry?.error?.message}`,
    { hint: `luksmith log ${run.id} --follow; to begin anew now: luksmith cancel ${run.id}` },
  );
}

function tooLong(deadlineMs: number, { retry }: Run): LuksmithError {
  const why = retry?.error === undefined ? "" : `: ${retry.error.message}`;
  return new LuksmithError("deadline", `the run has not ended within ${formatDuration(deadlineMs)}${why}`, {
    hint: "set runs.deadline, or the job's, if it may take longer",
  });
}

function notFound(): LuksmithError {
  return new LuksmithError("not_found", "there is no such run", { hint: "luksmith runs" });
}
