/**
 * From the table of dispatches to the machines. What is in the table is all that counts: a controller that dies in the middle has
 * another one send the same again, and the machine goes by the id.
 */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { onNews } from "../occasion.ts";
import { Routine } from "../routine.ts";
import {
  addDispatches,
  cancelDispatches,
  claimDispatches,
  expireDispatches,
  listCancelled,
  listSilent,
  type NewDispatch,
  type StoredDispatch,
  takeUnanswered,
} from "../store/dispatches.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { AgentSession } from "../stream/agent-session.ts";
import type { Sessions } from "../stream/sessions.ts";

/** A notice can be lost; and what is not begun in time has to be said so in time. */
const lookEveryMs = 3000;
/** In one transaction: what the first machines report must not come between the others and their orders. */
const claimAtOnce = 20_000;
/** A machine writes a dispatch down before it answers. */
const silentMs = 30_000;
/** A machine that is away for longer has its order to cancel no more; the run is over by then, or has a deadline. */
const cancelledForMs = 24 * 3_600_000;
/** Clocks of several controllers, and transactions that were long in the making. */
const marginMs = 60_000;

/** What a machine is to be sent, oldest first, and what it is to end. */
interface WaitingOrders {
  readonly unanswered: readonly StoredDispatch[];
  readonly cancelled: readonly StoredDispatch[];
}

export class Dispatcher {
  readonly #store: Store;
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #routine = new Routine();
  /** Cancel orders that were sent, by dispatch, with when that was. */
  readonly #cancelled = new Map<string, number>();
  #cancelledSinceMs: number;
  /** What waits for a machine that has come. */
  readonly #waiting: (of: { readonly machineId: string }) => Promise<WaitingOrders>;
  #repeatedMs = 0;

  constructor(store: Store, sessions: Sessions, clock: Clock, log: Log) {
    this.#store = store;
    this.#sessions = sessions;
    this.#clock = clock;
    this.#log = log;
    this.#cancelledSinceMs = clock.now().getTime();
    this.#waiting = sessions.journal.together((transaction, machines) => this.#waitingFor(transaction, machines));
  }

  follow(): void {
    this.#routine.begin({
      when: onNews(this.#store.notices, "dispatch", this.#clock, lookEveryMs),
      work: (signal) => this.#look(signal),
      failed: (error) => this.#log.warn({ err: error }, "dispatches wait for the database"),
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** All that the machine has not answered, and what it has begun in vain. */
  async begin(session: AgentSession): Promise<void> {
    const { unanswered, cancelled } = await this.#waiting({ machineId: session.machineId });
    for (const dispatch of unanswered) {
      send(session, dispatch);
      await session.drained();
    }
    for (const dispatch of cancelled) {
      sendCancel(session, dispatch);
      await session.drained();
    }
  }

  async #waitingFor(
    transaction: Database,
    machines: readonly { readonly machineId: string }[],
  ): Promise<WaitingOrders[]> {
    const nowMs = this.#clock.now().getTime();
    const machineIds = machines.map(({ machineId }) => machineId);
    const unanswered = await takeUnanswered(transaction, machineIds, nowMs);
    const cancelled = await listCancelled(transaction, { machineIds }, nowMs - cancelledForMs);
    const [unansweredOf, cancelledOf] = [unanswered, cancelled].map((all) =>
      Map.groupBy(all, (each) => each.machineId),
    );
    return machineIds.map((id) => ({ unanswered: unansweredOf?.get(id) ?? [], cancelled: cancelledOf?.get(id) ?? [] }));
  }

  /**
   * What is wanted from now on. Machines that are connected here have it as soon as it is written down; should one have gone in this
   * moment, it comes to it as all does that was sent and not answered. For the others it is queued.
   */
  async add(dispatches: readonly NewDispatch[]): Promise<void> {
    const here = dispatches.filter(({ machineId }) => this.#sessions.of(machineId)?.machine?.state === "active");
    const sent = new Set(here.map(({ machineId }) => machineId));
    await this.#store.transaction((transaction) => addDispatches(transaction, dispatches, sent));
    for (const dispatch of here) this.#send(dispatch);
    for (const batch of new Set(dispatches.map((each) => each.batch))) this.#store.notices.tell("dispatch", batch);
  }

  /**
   * Wanted no more: what is queued is not sent, what runs is told to end, wherever the machine is connected.
   * @returns those that this has changed, as they are now
   */
  async cancel(ids: readonly string[], operator: string): Promise<StoredDispatch[]> {
    const nowMs = this.#clock.now().getTime();
    const cancelled = await cancelDispatches(this.#store.database, ids, operator, nowMs);
    for (const batch of new Set(cancelled.map((dispatch) => dispatch.batch)))
      this.#store.notices.tell("dispatch", batch);
    return cancelled;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { database } = this.#store;
    const nowMs = this.#clock.now().getTime();
    const expired = await expireDispatches(database, nowMs);
    for (const batch of expired) this.#store.notices.tell("dispatch", batch);
    if (this.#sessions.count === 0) return;
    await this.#claim(nowMs, signal);
    await this.#cancelWhatRuns(nowMs);
    if (nowMs - this.#repeatedMs < silentMs) return;
    this.#repeatedMs = nowMs;
    const silent = await listSilent(database, this.#sessions.controllerId, nowMs - silentMs, nowMs);
    for (const dispatch of silent) this.#send(dispatch);
  }

  async #claim(nowMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const claimed = await this.#store.transaction((transaction) =>
        claimDispatches(transaction, this.#sessions.controllerId, nowMs, claimAtOnce),
      );
      for (const dispatch of claimed) this.#send(dispatch);
      for (const batch of new Set(claimed.map((dispatch) => dispatch.batch)))
        this.#store.notices.tell("dispatch", batch);
      if (claimed.length < claimAtOnce || signal.aborted) return;
    }
  }

  async #cancelWhatRuns(nowMs: number): Promise<void> {
    const whose = { controllerId: this.#sessions.controllerId };
    const cancelled = await listCancelled(this.#store.database, whose, this.#cancelledSinceMs - marginMs);
    for (const dispatch of cancelled) {
      if (this.#cancelled.has(dispatch.id)) continue;
      this.#cancelled.set(dispatch.id, nowMs);
      const session = this.#sessions.of(dispatch.machineId);
      if (session !== undefined) sendCancel(session, dispatch);
    }
    this.#cancelledSinceMs = nowMs;
    for (const [id, sentMs] of this.#cancelled) if (nowMs - sentMs > 2 * marginMs) this.#cancelled.delete(id);
  }

  /** A machine that has gone since is sent it when it comes again. */
  #send(dispatch: NewDispatch): void {
    const session = this.#sessions.of(dispatch.machineId);
    if (session !== undefined) send(session, dispatch);
  }
}

function send(session: AgentSession, { id, work, expiresMs, createdBy }: NewDispatch): void {
  session.send({ $case: "dispatch", value: { id, work, notAfter: session.timeThere(expiresMs), operator: createdBy } });
}

function sendCancel(session: AgentSession, { id, runId, cancelledBy }: StoredDispatch): void {
  session.send({
    $case: "cancelOrder",
    value: { dispatchId: id, runId: runId ?? "", operator: cancelledBy ?? "" },
  });
}
