/** The agents that are connected to this controller, and what concerns all of them: silence, news, the end. */

import { rejectsWhenAborted } from "../../common/aborted.ts";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import {
  Inventory,
  type NewTrust,
  type PermitRequest,
  type PermitReturn,
  type Schedules,
  type Trust,
} from "../../proto/gen/luksmith/v1/fleet.ts";
import { LimitedLog } from "../limited-log.ts";
import { every } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { type BegunStream, endStreamsOf, type MachineHead, type Seen, takeBackStreams } from "../store/machines.ts";
import type { Store } from "../store/store.ts";
import type { AgentPeer, AgentSession as Session, SessionHost } from "./agent-session.ts";
import { AgentSession } from "./agent-session.ts";
import type { AgentCall } from "./agent-wire.ts";
import { type BeginningStream, beginTogether } from "./begin-streams.ts";
import type { FleetRules } from "./fleet-rules.ts";
import { FlowAllowance } from "./flow-allowance.ts";
import { type Pace, paceOf, retryAfterMs } from "./heartbeat.ts";
import type { Journal } from "./journal.ts";
import { LastSeen } from "./last-seen.ts";
import { ReadOnce } from "./read-once.ts";
import { Review, type ReviewOptions } from "./review.ts";
import { Turns } from "./turns.ts";

const lookForSilenceMs = 1000;
/** What machines have left of their allowance is forgotten for those that came longest ago. */
const mostAllowances = 20_000;
/** Of messages, at a time: some thousand events, of which the database is given two thousand at once. */
const dealtWithBytes = 512 * 1024;
/** Of one machine: one that is, one that takes its place, and those that end. Each may have messages that wait. */
const mostStreams = 8;

/** Who hears of machines that work can be given to. */
interface SessionListener {
  ready(session: Session): Promise<void>;
  permitAsked(session: Session, request: PermitRequest): Promise<void>;
  permitReturned(session: Session, permit: PermitReturn): Promise<void>;
}

export interface SessionsOptions {
  readonly controllerId: string;
  readonly store: Store;
  readonly journal: Journal;
  readonly rules: FleetRules;
  readonly listener: SessionListener;
  /** Ends the connections of a machine, whatever they are for. */
  readonly cut: (machineId: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1. */
  readonly random: () => number;
}

export class Sessions implements SessionHost {
  readonly controllerId: string;
  readonly journal: Journal;
  readonly turns = new Turns(dealtWithBytes);
  readonly beginStream: SessionHost["beginStream"];
  readonly clock: Clock;
  readonly log: Log;
  readonly lines: LimitedLog;
  readonly #options: SessionsOptions;
  readonly #seen: LastSeen;
  /** Those that have said Hello, by machine. */
  readonly #open = new Map<string, Session>();
  /** These, and those that have not, or that are ending; each with its end. */
  readonly #all = new Map<Session, Promise<void>>();
  /** How many each machine has, in whatever state. */
  readonly #streams = new Map<string, number>();
  readonly #allowances = new Map<string, FlowAllowance>();
  readonly #assignments: ReadOnce<(machine: MachineHead) => Schedules>;
  readonly #trustOrders: ReadOnce<(trust: Trust) => NewTrust | undefined>;
  readonly #silence = new Routine();
  readonly #reviews: readonly Review[];
  #draining = false;

  constructor(options: SessionsOptions) {
    const { controllerId, journal, clock, log, store } = options;
    this.#options = options;
    this.controllerId = controllerId;
    this.journal = journal;
    this.clock = clock;
    this.log = log;
    this.lines = new LimitedLog(log, clock);
    this.#seen = new LastSeen(store, clock, log);
    this.#assignments = new ReadOnce(() => options.rules.assignments(), clock);
    this.#trustOrders = new ReadOnce(() => options.rules.trustOrders(), clock);
    this.beginStream = journal.together(beginTogether, weightOf);
    this.#reviews = [
      this.#review(["machine", "certificate"], (session, now) => session.review(now)),
      this.#review(["schedules"], (session) => session.pushSchedules()),
      this.#review(["authority"], (session) => session.pushTrust()),
    ];
  }

  /** How many machines are connected here. */
  get count(): number {
    return this.#open.size;
  }

  of(machineId: string): Session | undefined {
    return this.#open.get(machineId);
  }

  all(): Session[] {
    return [...this.#open.values()];
  }

  /** Until the agent's stream has ended. Never rejects. */
  async serve(call: AgentCall, peer: AgentPeer): Promise<void> {
    const streams = this.#streams.get(peer.machineId) ?? 0;
    if (streams >= mostStreams) {
      const value = { reason: "limit", message: `the machine has ${streams} streams already`, retryAfterMs: 10_000 };
      call.write({ kind: { $case: "goodbye", value } });
      call.end();
      return;
    }
    this.#streams.set(peer.machineId, streams + 1);
    const session = new AgentSession(call, peer, this.#allowanceOf(peer.machineId), this);
    const running = session.run();
    this.#all.set(session, running);
    if (this.#draining) this.unwatched(this.#stopOne(session));
    await running;
    this.#all.delete(session);
    const left = (this.#streams.get(peer.machineId) ?? 1) - 1;
    if (left > 0) this.#streams.set(peer.machineId, left);
    else this.#streams.delete(peer.machineId);
  }

  /** @throws what the database throws */
  async begin(): Promise<void> {
    await endStreamsOf(this.#options.store.database, this.controllerId);
    this.#seen.follow();
    this.#options.store.notices.on("schedules", () => this.#assignments.forget());
    this.#options.store.notices.on("authority", () => this.#trustOrders.forget());
    this.#silence.beginLater({
      when: every(this.clock, lookForSilenceMs),
      work: async () => this.#endTheSilent(),
      failed: (error) => this.log.error({ err: error }, "it could not be looked who is silent"),
    });
    for (const review of this.#reviews) review.begin();
  }

  /** Nobody new; those who are there are told to come back, not all at once. Whatever they have said is taken, unless it takes too long. */
  async drain(enough: AbortSignal): Promise<void> {
    this.#draining = true;
    await Promise.all([this.#silence.end(), ...this.#reviews.map((review) => review.end())]);
    for (const session of this.#all.keys()) this.unwatched(this.#stopOne(session));
    await Promise.race([Promise.all(this.#all.values()), rejectsWhenAborted(enough).catch(() => undefined)]);
    await this.#seen.close();
  }

  /** Those who are connected here are on record as that again. @throws what the database throws */
  async takeBack(): Promise<void> {
    const streams = this.all().flatMap(({ machineId, stream }) =>
      stream === undefined ? [] : [{ machineId, stream }],
    );
    await takeBackStreams(this.#options.store.database, this.controllerId, streams);
  }

  pace(): Pace {
    return paceOf(this.#open.size);
  }

  seen(seen: Seen): void {
    this.#seen.add(seen);
  }

  async assignmentsFor(machine: MachineHead): Promise<Schedules> {
    return (await this.#assignments.get())(machine);
  }

  async trustFor(trust: Trust): Promise<NewTrust | undefined> {
    return (await this.#trustOrders.get())(trust);
  }

  begun(session: Session, begun: BegunStream): void {
    const older = this.#open.get(session.machineId);
    this.#open.set(session.machineId, session);
    this.log.debug({ machine: session.machineId, stream: begun.stream }, "a machine has connected");
    if (older !== undefined) this.unwatched(older.replacedBy(session));
    else if (begun.before !== undefined && begun.before.controllerId !== this.controllerId)
      this.changed(session.machineId);
    if (this.#draining) this.unwatched(this.#stopOne(session));
  }

  ended(session: Session): void {
    if (this.#open.get(session.machineId) === session) this.#open.delete(session.machineId);
  }

  ready(session: Session): Promise<void> {
    return this.#options.listener.ready(session);
  }

  permitAsked(session: Session, request: PermitRequest): Promise<void> {
    return this.#options.listener.permitAsked(session, request);
  }

  permitReturned(session: Session, permit: PermitReturn): Promise<void> {
    return this.#options.listener.permitReturned(session, permit);
  }

  cut(machineId: string): void {
    this.#options.cut(machineId);
  }

  changed(machineId: string): void {
    this.#options.store.notices.tell("machine", machineId);
  }

  #stopOne(session: Session): Promise<boolean> {
    const waitMs = retryAfterMs(this.#open.size, this.#options.random());
    return session.end("stopping", "the controller stops", waitMs);
  }

  #allowanceOf(machineId: string): FlowAllowance {
    const allowance = this.#allowances.get(machineId) ?? new FlowAllowance(this.clock);
    this.#allowances.delete(machineId);
    this.#allowances.set(machineId, allowance);
    const [oldest] = this.#allowances.keys();
    if (this.#allowances.size > mostAllowances && oldest !== undefined) this.#allowances.delete(oldest);
    return allowance;
  }

  #endTheSilent(): void {
    const nowMs = this.clock.monotonicMs();
    for (const session of this.#all.keys()) {
      if (!session.isSilent(nowMs)) continue;
      this.log.debug({ machine: session.machineId }, "a machine has been silent for too long");
      this.unwatched(session.end("limit", "nothing has been heard of the machine for too long"));
    }
  }

  #review(topics: ReviewOptions["topics"], each: ReviewOptions["each"]): Review {
    const { store, clock, log } = this.#options;
    return new Review(this, { store, topics, each, clock, log });
  }

  /** What one of them does is waited for by nobody. */
  unwatched(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.#draining) this.lines.warn("", { err: error }, "a machine could not be told of something");
    });
  }
}

/** In events: what it has is a row for each job, and a message of up to a megabyte. */
function weightOf({ inventory }: BeginningStream): number {
  return inventory.jobs.length + Math.floor(Inventory.encode(inventory).finish().length / 1024);
}
