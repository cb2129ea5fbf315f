/** One run under way: what its work is given as RunContext, and how it ends. */

import { rejectsWhenAborted } from "../../common/aborted.ts";
import type { Clock } from "../../common/clock.ts";
import { toErrorDetail } from "../../common/error-wire.ts";
import { asLuksmithError, type LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { type Caller, type Progress, type Run, RunState, runStateToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { NewItem, RunContext, RunWork } from "./context.ts";
import { EventAllowance, type RationedKind } from "./event-allowance.ts";
import type { EventKind, EventRecord } from "./event-record.ts";
import { whole } from "./progress-meter.ts";
import { ProgressThinning } from "./progress-thinning.ts";
import { attemptsBefore, neverAgain, type RetryPolicy, waitAfter } from "./retry.ts";
import { type Outcome, outcomeOfResult, outcomeOfThrown, runError } from "./run-outcome.ts";

/** Of a message in an event; what a tool prints may be of any length. */
const messageLimit = 4096;

/** The functions are fields, so that a verb can hand one on by itself: `parse(output, context.warn)`. */
export class ActiveRun implements RunContext {
  readonly runId: string;
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly hurry: AbortSignal;
  readonly record: EventRecord;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #abort = new AbortController();
  readonly #hurried = new AbortController();
  readonly #thinning = new ProgressThinning();
  readonly #allowance = new EventAllowance();
  /** The newest progress of each step, where it is not on record. */
  readonly #held = new Map<string, Progress>();
  readonly #openSteps = new Set<string>();
  readonly #warnings = { all: 0, files: 0 };
  readonly #policy: RetryPolicy;
  #attempt = 1;
  /** When this attempt began to get somewhere, if it has. */
  #movingSinceMs: number | undefined;
  #resting = false;
  #restBegins = Promise.withResolvers<void>();

  constructor(caller: Caller, record: EventRecord, clock: Clock, log: Log, policy: RetryPolicy = neverAgain) {
    this.runId = record.run.id;
    this.caller = caller;
    this.signal = this.#abort.signal;
    this.hurry = this.#hurried.signal;
    this.record = record;
    this.#clock = clock;
    this.#log = log;
    this.#policy = policy;
  }

  /** Between two attempts it needs nothing, and the volume is free for others. */
  get isResting(): boolean {
    return this.#resting;
  }

  /** Resolves when the volume is free, because it rests. */
  get restBegins(): Promise<void> {
    return this.#restBegins.promise;
  }

  get run(): Run {
    return this.record.run;
  }

  /**
   * Does the work, and again where that makes sense. Never throws.
   * @param holder the end of the run that has the volume now, if another one has it
   */
  async execute(work: RunWork, holder: () => Promise<unknown> | undefined = () => undefined): Promise<Outcome> {
    for (;;) {
      this.#movingSinceMs = undefined;
      try {
        // cancelled in the moment between its registration and now
        this.signal.throwIfAborted();
        return outcomeOfResult(this.runId, await work(this), this.#warnings);
      } catch (thrown) {
        const waitMs = this.#waitAfter(thrown, Math.random());
        if (waitMs === undefined) return this.#outcomeOf(thrown);
        this.#log.warn({ err: thrown, attempt: this.#attempt, waitMs }, "an attempt of the run failed");
        try {
          await this.#rest(asLuksmithError(thrown), waitMs, holder);
        } catch (reason) {
          return this.#outcomeOf(reason);
        }
      }
    }
  }

  readonly willTryAgain = (thrown: unknown): boolean => this.#waitAfter(thrown, 0) !== undefined;

  #waitAfter(thrown: unknown, random: number): number | undefined {
    return this.signal.aborted ? undefined : waitAfter(thrown, this.#countedAttempt(), this.#policy, random);
  }

  #countedAttempt(): number {
    const movedMs = this.#movingSinceMs === undefined ? 0 : this.#clock.monotonicMs() - this.#movingSinceMs;
    return attemptsBefore(this.#attempt, movedMs);
  }

  #outcomeOf(thrown: unknown): Outcome {
    const outcome = outcomeOfThrown(thrown, this.signal, this.#warnings);
    // the whole chain of causes is for the log alone
    this.#log[outcome.state === RunState.FAILED ? "error" : "info"]({ err: thrown }, "the run's work threw");
    return outcome;
  }

  /** @throws the signal's reason */
  async #rest(error: LuksmithError, waitMs: number, holder: () => Promise<unknown> | undefined): Promise<void> {
    this.#attempt = this.#countedAttempt() + 1;
    const nextAt = new Date(this.#clock.now().getTime() + waitMs);
    const retry = { attempt: this.#attempt, attempts: this.#policy.attempts, nextAt, error: toErrorDetail(error) };
    this.record.update({ ...this.run, retry });
    this.#record({ $case: "attemptFailed", value: { retry } });
    this.#resting = true;
    this.#restBegins.resolve();
    try {
      await this.#clock.sleep(waitMs, this.signal);
      const cancelled = rejectsWhenAborted(this.signal);
      // without a pause between the last look and the end of the rest: nobody else can come in between
      for (let other = holder(); other !== undefined; other = holder()) await Promise.race([other, cancelled]);
    } finally {
      this.#resting = false;
      this.#restBegins = Promise.withResolvers<void>();
    }
    // each attempt looks at the same files
    this.#warnings.all = 0;
    this.#warnings.files = 0;
    this.record.update({ ...this.run, retry: { ...retry, nextAt: undefined } });
    this.note(`attempt ${this.#attempt} of ${this.#policy.attempts}`);
  }

  /** Puts the outcome on record as the last event. @returns whether all of the record is written */
  end({ state, error, summary, snapshot, totals }: Outcome): boolean {
    for (const progress of this.#held.values()) this.#record({ $case: "progress", value: progress });
    this.#held.clear();
    const ended: Run = {
      ...this.run,
      state,
      finishedAt: this.#clock.now(),
      error: error === undefined ? undefined : toErrorDetail(error),
      summary,
      snapshot,
      totals,
      retry: undefined,
    };
    this.#log.info({ state: runStateToJSON(state), error: ended.error, summary }, "run ended");
    return this.record.end(ended);
  }

  /** Asks it to end; the first reason counts. */
  cancel(reason: LuksmithError): void {
    if (this.signal.aborted || this.record.closed) return;
    this.note(reason.message);
    this.#abort.abort(reason);
  }

  /** Asks it to end at once, whatever is lost by that: the next run copies it again. */
  cancelNow(reason: LuksmithError): void {
    this.cancel(reason);
    if (this.hurry.aborted || this.record.closed) return;
    this.note("not waiting for anything any more");
    this.#hurried.abort(reason);
  }

  readonly step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    if (this.#openSteps.has(name)) throw new Error(`step ${name} is open already`);
    this.#openSteps.add(name);
    const beganMs = this.#clock.monotonicMs();
    this.#record({ $case: "stepBegan", value: { step: name } });
    const end = (error: LuksmithError | undefined) => {
      this.#openSteps.delete(name);
      const last = this.#held.get(name);
      this.#held.delete(name);
      if (last !== undefined) this.#record({ $case: "progress", value: last });
      this.#record({
        $case: "stepEnded",
        value: {
          step: name,
          durationMs: whole(Math.round(this.#clock.monotonicMs() - beganMs)),
          error: error === undefined ? undefined : toErrorDetail(error),
        },
      });
    };
    let result: T;
    try {
      result = await work();
    } catch (thrown) {
      end(runError(thrown));
      throw thrown;
    }
    end(undefined);
    return result;
  };

  readonly progress = (progress: Progress): void => {
    if (this.record.closed) return;
    this.#movingSinceMs ??= this.#clock.monotonicMs();
    const fate = this.#thinning.decide(this.#clock.monotonicMs());
    if (fate === "hold") {
      this.#held.set(progress.step, progress);
      return;
    }
    const value = wholeProgress(progress);
    if (fate === "record") {
      this.#held.delete(progress.step);
      this.#record({ $case: "progress", value });
    } else {
      this.#held.set(progress.step, value);
      this.record.show(value);
    }
  };

  readonly warn = (message: string, path: Uint8Array = new Uint8Array()): void => {
    if (this.record.closed) return;
    this.#warnings.all += 1;
    if (path.length > 0) this.#warnings.files += 1;
    const value = { message: message.slice(0, messageLimit), path: Buffer.from(path) };
    this.#ration("warning", message.length + path.length, { $case: "warning", value });
  };

  readonly note = (message: string): void => {
    this.#ration("note", message.length, { $case: "note", value: { message: message.slice(0, messageLimit) } });
  };

  readonly item = ({ action, path, size, reason = "" }: NewItem): void => {
    const value = { action, path: Buffer.from(path), size: whole(size), reason: reason.slice(0, messageLimit) };
    this.#ration("item", path.length + reason.length, { $case: "item", value });
  };

  #ration(kind: RationedKind, bytes: number, event: EventKind): void {
    const allowed = this.#allowance.ask(kind, bytes);
    if (allowed === "granted") this.#record(event);
    if (allowed === "first refused") {
      this.#record({ $case: "note", value: { message: `too many ${kind}s to keep: the rest are only counted` } });
    }
  }

  /** What comes after the end (a late callback) is dropped. */
  #record(kind: EventKind): void {
    if (this.record.closed) return;
    this.record.record(kind.$case === "progress" ? { ...kind, value: wholeProgress(kind.value) } : kind);
  }
}

/** Figures of a tool's output may be fractions or missing; the event has to be one that protobuf can hold. */
function wholeProgress(progress: Progress): Progress {
  return {
    step: progress.step,
    bytesDone: whole(progress.bytesDone),
    bytesTotal: whole(progress.bytesTotal),
    filesDone: whole(progress.filesDone),
    filesTotal: whole(progress.filesTotal),
    bytesPerSecond: whole(progress.bytesPerSecond),
    remainingMs: whole(progress.remainingMs),
  };
}
