/**
 * What an operator wants now. An order is written down before it is begun, and a run together with the order that it came of; so
 * whatever happens to the agent or the connection in between, it is begun once. An order for a volume that is in use waits.
 */

import type { Clock } from "../../common/clock.ts";
import { toErrorDetail } from "../../common/error-wire.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import type { CancelOrder, Dispatch, DispatchAnswer } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { ErrorDetail, Run } from "../../proto/gen/luksmith/v1/types.ts";
import type { Granted } from "../audit/audit-log.ts";
import type { Requester } from "../runs/context.ts";
import type { RunCauses } from "../runs/run-causes.ts";
import { isRunId } from "../runs/run-id.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { reportedVerbs, requireAllowed, workWords } from "./allowed.ts";
import type { AllowedWord } from "./allowed-word.ts";
import type { Link } from "./link.ts";
import type { OrderLog } from "./order-log.ts";
import { type CheckedWork, requireDispatch } from "./orders.ts";
import type { DispatchRecord, FleetRecords } from "./records.ts";

/** More are not begun in time by one machine, and each is held until it is. */
const mostWaiting = 64;
/** A run that rests between two attempts tells nobody when it goes on. */
const askAgainMs = 15_000;

/** @param asked.registered is told of the run before anything of it happens */
export type StartWork = (
  work: CheckedWork,
  asked: { readonly caller: Requester; readonly registered: (run: Run) => void },
) => Promise<unknown>;

interface Parts {
  readonly runs: RunManager;
  readonly records: FleetRecords;
  readonly causes: RunCauses;
  readonly orders: OrderLog;
  readonly startWork: StartWork;
  readonly clock: Clock;
  readonly log: Log;
}

export class Dispatches {
  readonly #parts: Parts;
  readonly #allowed: readonly AllowedWord[];
  /** Ends the wait of each, or the attempt to begin it. */
  readonly #waiting = new Map<string, AbortController>();
  readonly #closed = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #link: Link | undefined;

  constructor(parts: Parts, allowed: readonly AllowedWord[]) {
    this.#parts = parts;
    this.#allowed = allowed;
  }

  /** Those that an agent before had not begun. */
  goOn(): void {
    for (const record of this.#parts.records.openDispatches()) {
      if (record.runId === "" && record.error === undefined) this.#begin(record);
    }
  }

  /** Answers that the controller may not have. */
  async answerAgain(link: Link): Promise<void> {
    this.#link = link;
    for (const record of this.#parts.records.openDispatches()) {
      if (record.runId !== "" || record.error !== undefined) await this.#answer(record);
    }
  }

  /** @param controller who sends it. Answers in any case. */
  async take(dispatch: Dispatch, link: Link): Promise<void> {
    this.#link = link;
    try {
      const known = this.#parts.records.dispatch(dispatch.id);
      if (known !== undefined) {
        if (known.runId !== "" || known.error !== undefined) await this.#answer(known);
        return;
      }
      await this.#accept(dispatch, link);
    } catch (error) {
      link.gone.throwIfAborted();
      await this.#refuse(dispatch.id, error);
    }
  }

  /** Whatever is asked to end is told of by what becomes of it. */
  cancel(order: CancelOrder, link: Link): void {
    const { runs, records, orders, log } = this.#parts;
    const { dispatchId } = order;
    try {
      const waiting = this.#waiting.get(dispatchId);
      const runId = order.runId || records.dispatch(dispatchId)?.runId || "";
      const run = waiting === undefined && isRunId(runId) ? runs.get(runId) : undefined;
      const about = { run: runId, volume: run?.volume ?? "", job: run?.job ?? "" };
      // runs of other verbs are none of the controller's
      const isTheirs = waiting !== undefined || (run !== undefined && reportedVerbs.includes(run.verb));
      const { caller } = orders.decide(link.controller, order.operator, "cancel", about, dispatchId, () => {
        requireAllowed(this.#allowed, "cancel");
        if (!isTheirs) throw new LuksmithError("not_found", "there is no such run of the fleet's");
      });
      if (waiting !== undefined) waiting.abort(new LuksmithError("cancelled", `cancelled by ${caller.name}`));
      else if (run !== undefined) runs.cancel(run.id, caller);
    } catch (error) {
      log.info({ err: error }, "an order of the controller's to cancel came to nothing");
    }
  }

  /** @param id the order's, or that of its run */
  recorded(id: string): void {
    this.#parts.records.answerRecorded(id);
  }

  /** What another controller wanted, of which nothing is remembered. */
  forget(): void {
    for (const waiting of this.#waiting.values())
      waiting.abort(new LuksmithError("cancelled", "the machine left its fleet"));
  }

  /** Those that wait go on with the next agent. */
  async close(): Promise<void> {
    this.#closed.abort(new LuksmithError("cancelled", "the agent is stopping"));
    for (const waiting of this.#waiting.values()) waiting.abort();
    await Promise.all(this.#underWay);
  }

  async #accept(dispatch: Dispatch, link: Link): Promise<void> {
    const { orders, records, clock } = this.#parts;
    const { id, work, notAfter, operator } = requireDispatch(dispatch);
    const about = { job: work.job, volume: work.volume, run: "" };
    const word = workWords[work.verb];
    orders.decide(link.controller, operator, word, about, id, () => {
      requireAllowed(this.#allowed, word);
      if (notAfter !== undefined && clock.now() > notAfter) throw tooLate();
      if (this.#waiting.size >= mostWaiting) {
        throw new LuksmithError("locked", `${mostWaiting} orders wait on this machine already`, {
          hint: "wait until some of them have begun, or cancel them",
        });
      }
    });
    records.accept(dispatch, link.controller, clock.now());
    const record = records.dispatch(id);
    if (record !== undefined) this.#begin(record);
  }

  #begin(record: DispatchRecord): void {
    const { id } = record.dispatch;
    const ended = new AbortController();
    this.#waiting.set(id, ended);
    const beginning = this.#beginInTurn(record, ended.signal)
      .catch((error: unknown) => this.#parts.log.error({ err: error, dispatch: id }, "an order could not be begun"))
      .finally(() => {
        this.#waiting.delete(id);
        this.#underWay.delete(beginning);
      });
    this.#underWay.add(beginning);
  }

  async #beginInTurn({ dispatch, controller }: DispatchRecord, ended: AbortSignal): Promise<void> {
    const { records, orders } = this.#parts;
    let error: ErrorDetail;
    try {
      const { id, work, operator, notAfter } = requireDispatch(dispatch);
      // it may have been allowed, or may be, to another agent
      requireAllowed(this.#allowed, workWords[work.verb]);
      const { caller } = orders.requester(controller, operator);
      const granted = orders.grantedFor(id, workWords[work.verb]);
      await this.#startWhenFree(work, { ...caller, granted }, id, notAfter, ended);
      const begun = records.dispatch(id);
      if (begun !== undefined) await this.#answer(begun);
      return;
    } catch (thrown) {
      if (this.#closed.signal.aborted) return;
      error = toErrorDetail(asLuksmithError(thrown));
    }
    // a run may be there all the same: then that is the answer
    const record = records.dispatch(dispatch.id);
    if (record?.runId === "") records.refuse(dispatch.id, error);
    const refused = records.dispatch(dispatch.id);
    if (refused !== undefined) await this.#answer(refused);
  }

  async #startWhenFree(
    work: CheckedWork,
    caller: Requester & { readonly granted?: Granted },
    id: string,
    notAfter: Date | undefined,
    ended: AbortSignal,
  ): Promise<void> {
    const { runs, records, causes, startWork, clock } = this.#parts;
    const registered = (run: Run) => {
      causes.put(run.id, { dispatchId: id, schedule: "", occurrence: undefined });
      records.begin(id, run.id);
    };
    for (;;) {
      ended.throwIfAborted();
      if (notAfter !== undefined && clock.now() > notAfter) throw tooLate();
      try {
        await startWork(work, { caller, registered });
        return;
      } catch (thrown) {
        if (asLuksmithError(thrown).code !== "locked") throw thrown;
      }
      const over = new AbortController();
      const left = notAfter === undefined ? askAgainMs : Math.max(0, notAfter.getTime() - clock.now().getTime()) + 1;
      const again = clock.sleep(Math.min(askAgainMs, left), AbortSignal.any([ended, over.signal]));
      const volume = work.volume || this.#parts.orders.volumeOf(work.job);
      await Promise.race([again, runs.busy(volume) ?? again]).finally(() => {
        again.catch(() => undefined);
        over.abort();
      });
    }
  }

  async #refuse(id: string, thrown: unknown): Promise<void> {
    const error = asLuksmithError(thrown);
    if (error.code === "internal") this.#parts.log.error({ err: error.cause ?? error }, "an order failed");
    await this.#send({ id, runId: "", error: this.#told(toErrorDetail(error)) });
  }

  #answer({ dispatch, runId, error }: DispatchRecord): Promise<void> {
    return this.#send({ id: dispatch.id, runId, error: this.#told(error) });
  }

  /** A hint may say which jobs there are. Files are none of what is decided before a run begins. */
  #told(error: ErrorDetail | undefined): ErrorDetail | undefined {
    return error && (this.#allowed.includes("status") ? error : { ...error, hint: "" });
  }

  /** Sent again over the next connection when it does not arrive. */
  async #send(answer: DispatchAnswer): Promise<void> {
    const link = this.#link;
    if (link === undefined || link.gone.aborted) return;
    try {
      await link.send({ $case: "dispatchAnswer", value: answer });
    } catch (error) {
      this.#parts.log.debug({ err: error, dispatch: answer.id }, "an answer waits for the next connection");
    }
  }
}

function tooLate(): LuksmithError {
  return new LuksmithError("deadline", "it was not to be begun so late", {
    hint: "the machine was away, or what it is about was in use",
  });
}
