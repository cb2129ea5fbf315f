/**
 * One agent's stream, from its Hello to its end. What it says is taken one message after another, and the next is not read before
 * the last is stored: an agent that is faster than the database waits.
 */

import type { Clock } from "../../common/clock.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import {
  type DispatchAnswer,
  type Heartbeat,
  type Hello,
  Inventory,
  type NewTrust,
  type PermitRequest,
  type PermitReturn,
  type Query,
  type Reply,
  type RunEvents,
  type RunProgress,
  type RunReport,
  type ScheduleAssignment,
  type Schedules,
  Trust,
} from "../../proto/gen/luksmith/v1/fleet.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { LimitedLog } from "../limited-log.ts";
import { setJobs } from "../store/job-states.ts";
import {
  type BegunStream,
  changeMachine,
  endStream,
  type MachineHead,
  type MachineNow,
  noteMachine,
  type Seen,
  setInventory,
  setSchedulesRevision,
  setTrust,
} from "../store/machines.ts";
import type { Permit, PermitKey } from "../store/permits.ts";
import type { Database } from "../store/schema.ts";
import { type AgentCall, AgentWire, type ToAgent } from "./agent-wire.ts";
import type { Beginning, BeginningStream } from "./begin-streams.ts";
import type { FlowAllowance } from "./flow-allowance.ts";
import { isOtherPace, isSilent, type Pace } from "./heartbeat.ts";
import { encodeEvent, readRequest, type Said } from "./incoming.ts";
import type { Journal, Recording } from "./journal.ts";
import { Queries } from "./queries.ts";
import { Told } from "./told.ts";
import type { Turns } from "./turns.ts";

/** Who the agent is, as its certificate says, and where its connection comes from. */
export interface AgentPeer {
  readonly machineId: string;
  readonly address: string;
}

export type GoodbyeReason = "revoked" | "replaced" | "confirmed" | "stopping" | "limit" | "protocol";

/** What a session does not decide itself. */
export interface SessionHost {
  readonly controllerId: string;
  readonly journal: Journal;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly log: Log;
  pace(): Pace;
  /** What an agent can bring about. */
  readonly lines: LimitedLog;
  seen(seen: Seen): void;
  assignmentsFor(machine: MachineHead): Promise<Schedules>;
  /** What it is to be told of the fleet's trust; undefined: nothing. */
  trustFor(trust: Trust): Promise<NewTrust | undefined>;
  /** Writes a stream down, with those of others that begin. */
  beginStream(beginning: BeginningStream): Promise<Beginning>;
  begun(session: AgentSession, begun: BegunStream): void;
  ended(session: AgentSession): void;
  /** Ends the connections of a machine, whatever they are for. */
  cut(machineId: string): void;
  /** It can be given work from now on. */
  ready(session: AgentSession): Promise<void>;
  permitAsked(session: AgentSession, request: PermitRequest): Promise<void>;
  permitReturned(session: AgentSession, permit: PermitReturn): Promise<void>;
  /** Something about a machine has changed that others may want to know of. */
  changed(machineId: string): void;
}

/** Runs of which is remembered how far they are recorded; an agent has a few under way. */
const mostRuns = 256;
/** Two agents with one identity would take the stream from one another all the time. */
const replacedRetryMs = 60_000;
/** A line for people; what a machine says may be longer. */
const longestNotice = 500;
/** How such a line begins. */
const refusedTrust = "the machine refuses what it was told to believe";
/** What a machine has refused, since a controller could not be reached as it was to be, may be right by then. */
const trustAgainMs = 10 * 60_000;
const failedRetryMs = 10_000;
/** A clock that is further off than that is no calendar's. */
const mostSkewMs = 100 * 366 * 86_400_000;
/** Messages that are smaller have no turns. */
const fewBytes = 256;
/**
 * What a message costs of what a machine may send, in events. A stream that begins is several rows, and news to other controllers; who
 * asks for a permit has all that wait looked through; a report may be news to many, and is kept for a year.
 */
const costs = { hello: 200, permitRequest: 50, permitReturn: 50, runReport: 10, trust: 10 };

/** greeting -> open -> ending; or greeting -> ending. */
type State =
  | { readonly name: "greeting" }
  | { readonly name: "open"; readonly stream: number; readonly machine: MachineHead }
  | { readonly name: "ending"; readonly stream: number | undefined };

export class AgentSession {
  readonly machineId: string;
  readonly address: string;
  readonly #wire: AgentWire;
  readonly #host: SessionHost;
  readonly #allowance: FlowAllowance;
  readonly #log: Log;
  readonly #queries: Queries;
  readonly #recordedSeqs = new Map<string, number>();
  /** Permits that it has been told of: of each task the moment. */
  readonly #granted = new Map<string, number>();
  #state: State = { name: "greeting" };
  #instance = "";
  #skewMs = 0;
  #told: Pace;
  #running: readonly RunProgress[] = [];
  #inventory = Inventory.create();
  #schedules: Schedules | undefined;
  #revision = "";
  #pushing: Promise<void> = Promise.resolve();
  #trust = Trust.create();
  readonly #toldTrust: Told;
  /** Where it was told here that controllers listen. */
  #toldAddresses: readonly string[] = [];

  constructor(call: AgentCall, { machineId, address }: AgentPeer, allowance: FlowAllowance, host: SessionHost) {
    this.machineId = machineId;
    this.address = address;
    this.#wire = new AgentWire(call, host.clock);
    this.#toldTrust = new Told(host.clock, trustAgainMs);
    this.#host = host;
    this.#allowance = allowance;
    this.#log = host.log.child({ machine: machineId, address });
    this.#told = host.pace();
    this.#queries = new Queries((kind) => this.send(kind), host.clock);
  }

  get instance(): string {
    return this.#instance;
  }

  get inventory(): Inventory {
    return this.#inventory;
  }

  /** Its newest word on each run under way. */
  get running(): readonly RunProgress[] {
    return this.#running;
  }

  /** undefined: it has not said Hello, or is ending. */
  get machine(): MachineHead | undefined {
    return this.#state.name === "open" ? this.#state.machine : undefined;
  }

  /** A moment of ours as the machine's clock has it, which may be a wrong one. */
  timeThere(ms: number): Date {
    return new Date(ms + Math.min(mostSkewMs, Math.max(-mostSkewMs, this.#skewMs)));
  }

  /** As the store counts them; undefined: it has not said Hello, or is ending. */
  get stream(): number | undefined {
    return this.#state.name === "open" ? this.#state.stream : undefined;
  }

  /** What of its own schedules asks for leave to begin this; undefined: nothing does. */
  limitedAssignment({
    schedule,
    job,
    volume,
  }: Pick<PermitKey, "schedule" | "job" | "volume">): ScheduleAssignment | undefined {
    return this.#schedules?.assignments.find((each) => {
      if (each.schedule !== schedule || !each.needsPermit || each.work === undefined) return false;
      const { jobs, volumes } = this.#inventory;
      // beside a job there is the volume that it is in
      if (each.work.job !== "") return isAsked(each.work.job, job, jobs);
      return job === "" && isAsked(each.work.volume, volume, volumes);
    });
  }

  isSilent(nowMs: number): boolean {
    const { waitingSinceMs } = this.#wire;
    return waitingSinceMs !== undefined && isSilent(waitingSinceMs, this.#told.intervalMs, nowMs);
  }

  send(kind: ToAgent): void {
    this.#wire.send(kind);
  }

  /** As {@link AgentWire.drained}. */
  drained(): Promise<void> {
    return this.#wire.drained();
  }

  /** As {@link Queries.ask}. */
  ask(query: Query, signal: AbortSignal): AsyncGenerator<Reply, void, undefined> {
    return this.#queries.ask(query, signal);
  }

  /** Until the stream has ended. Never rejects. */
  async run(): Promise<void> {
    await this.#wire.read((bytes) => this.#take(bytes).catch((thrown: unknown) => this.#fail(thrown)));
    const { stream } = this.#state.name === "greeting" ? { stream: undefined } : this.#state;
    this.#state = { name: "ending", stream };
    this.#wire.close();
    this.#queries.close();
    this.#host.ended(this);
    if (stream === undefined) return;
    const ending = this.#host.journal.run((transaction) => endStream(transaction, this.machineId, stream));
    await ending.catch((error: unknown) => this.#log.debug({ err: error }, "the end of a stream was not written down"));
  }

  /** @returns whether the agent was still there */
  end(reason: GoodbyeReason, message: string, retryAfterMs = 0): Promise<boolean> {
    const stream = this.#state.name === "greeting" ? undefined : this.#state.stream;
    this.#state = { name: "ending", stream };
    return this.#wire.sayGoodbye({ reason, message, retryAfterMs });
  }

  /** Another agent with this identity has come, or the same one again. */
  async replacedBy(other: { readonly instance: string; readonly address: string }): Promise<void> {
    const mine = { instance: this.#instance, address: this.address };
    const names = `${nameOf(mine)}, cut off, and ${nameOf(other)}`;
    const isSame = other.instance === mine.instance;
    const message = isSame ? "the agent has connected again" : `two agents have this identity: ${names}`;
    const wasThere = await this.end("replaced", message, replacedRetryMs);
    // one that was lost without a word is no second one
    if (isSame || !wasThere) return;
    this.#say("warn", { mine, other }, "two agents have the identity of one machine");
    const notice = `two agents have this machine's identity: ${names}`;
    await this.#write((transaction) => changeMachine(transaction, this.machineId, { notice }));
    this.#host.changed(this.machineId);
  }

  /** What the store says of the machine by now. */
  async review(now: MachineNow | undefined): Promise<void> {
    if (this.#state.name !== "open") return;
    if (now === undefined || now.state === "revoked") {
      await this.end("revoked", "this machine is not of the fleet any more");
      this.#host.cut(this.machineId);
      return;
    }
    if (now.stream !== this.#state.stream) {
      await this.replacedBy(now);
      return;
    }
    const before = this.#state.machine;
    const { id, name, hostname, state, labels, enrolledMs } = now;
    this.#state = { ...this.#state, machine: { id, name, hostname, state, labels, enrolledMs } };
    if (before.state === state) {
      // by others it is looked at together with all the rest
      if (JSON.stringify([before.name, before.labels]) !== JSON.stringify([name, labels])) await this.pushSchedules();
      return;
    }
    // an agent is welcomed once, and is to know what it is called
    await this.end("confirmed", "the machine has been confirmed");
  }

  /** Unless the agent has those already. */
  pushSchedules(): Promise<void> {
    const pushing = this.#pushing.then(() => this.#pushSchedules());
    this.#pushing = pushing.catch(() => undefined);
    return pushing;
  }

  async pushTrust(): Promise<void> {
    const order = await this.#host.trustFor(this.#knownTrust());
    if (order === undefined) return this.#toldTrust.forget();
    if (!this.#toldTrust.say(JSON.stringify(order))) return;
    if (order.addresses.length > 0) this.#toldAddresses = order.addresses;
    this.send({ $case: "newTrust", value: order });
  }

  /** An agent that does not say which addresses it has would be told for ever: it has those that it was told. */
  #knownTrust(): Trust {
    const { addresses } = this.#trust;
    return { ...this.#trust, addresses: addresses.length > 0 ? addresses : [...this.#toldAddresses] };
  }

  /** Once for each that it has asked for. */
  grant(permit: Permit): void {
    const { schedule, occurrenceMs, job, volume } = permit;
    if (this.#granted.get(taskOf(permit)) === occurrenceMs) return;
    this.#granted.set(taskOf(permit), occurrenceMs);
    this.send({ $case: "permitGrant", value: { schedule, occurrence: new Date(occurrenceMs), job, volume } });
  }

  /** It may be told again. */
  ungrant(permit: PermitKey): void {
    if (this.#granted.get(taskOf(permit)) === permit.occurrenceMs) this.#granted.delete(taskOf(permit));
  }

  async #take(bytes: Uint8Array): Promise<void> {
    // before anything is made of it: to find out that a message is nonsense costs as well
    await this.#pay(this.#allowance.takeBytes(bytes.length));
    const said = await this.#inTurn(bytes, async () => readRequest(bytes, this.#host.clock.now()));
    await this.#pay(this.#allowance.takeEvents(costOf(said)));
    // nothing else may keep others from their turn for longer than the database takes
    if (said.$case === "runEvents" || said.$case === "runReport") await this.#inTurn(bytes, () => this.#hear(said));
    else await this.#hear(said);
  }

  /** A heartbeat does not wait for what others have to report. */
  async #inTurn<T>({ length }: Uint8Array, work: () => Promise<T>): Promise<T> {
    if (length < fewBytes) return work();
    const turn = await this.#host.turns.take(length);
    try {
      return await work();
    } finally {
      turn.end();
    }
  }

  async #pay(waitMs: number): Promise<void> {
    if (waitMs > 0) await this.#host.clock.sleep(waitMs, this.#wire.over);
  }

  async #hear(said: Said): Promise<void> {
    if (said.$case === "hello") return this.#greet(said.value);
    if (this.#state.name === "greeting") throw new LuksmithError("usage", "the first message is Hello");
    switch (said.$case) {
      case "heartbeat":
        return this.#beat(said.value);
      case "inventory":
        return this.#takeInventory(said.value);
      case "runReport":
        return this.#report(said.value);
      case "runEvents":
        return this.#events(said.value);
      case "dispatchAnswer":
        return this.#answer(said.value);
      case "permitRequest":
        return this.#host.permitAsked(this, said.value);
      case "permitReturn":
        return this.#host.permitReturned(this, said.value);
      case "reply":
        return this.#queries.deliver(said.value);
      case "trust":
        this.#trust = said.value;
        // it has not taken what it was told, and is told all of it again in a while
        if (said.value.refused !== undefined) this.#toldAddresses = [];
        await this.#write((transaction) => setTrust(transaction, this.machineId, said.value));
        await this.#noteTrust();
        return this.pushTrust();
    }
  }

  async #greet(hello: Hello): Promise<void> {
    if (this.#state.name !== "greeting") throw new LuksmithError("usage", "Hello comes once");
    const { machineId, address } = this;
    const { controllerId, clock } = this.#host;
    this.#instance = hello.instance;
    this.#inventory = hello.inventory ?? Inventory.create();
    this.#trust = hello.trust ?? Trust.create();
    this.#revision = hello.schedulesRevision;
    const nowMs = clock.now().getTime();
    const { instance, version, hostname, schedulesRevision } = hello;
    const facts = { instance, version, hostname, schedulesRevision, inventory: this.#inventory, trust: this.#trust };
    const clockSkewMs = skewOf(hello.time, nowMs);
    this.#skewMs = clockSkewMs;
    const isGone = () => this.#wire.isGone;
    const begun = await this.#host.beginStream({
      machineId,
      controllerId,
      address,
      nowMs,
      clockSkewMs,
      isGone,
      ...facts,
    });
    if (begun === "gone") return;
    if (begun === undefined) {
      this.#leave("revoked", "this machine is not of the fleet any more");
      return;
    }
    if (this.#state.name !== "greeting" || this.#wire.isGone) {
      // it was told to end meanwhile, or has gone
      this.#state = { name: "ending", stream: begun.stream };
      return;
    }
    this.#state = { name: "open", stream: begun.stream, machine: begun.machine };
    this.#host.begun(this, begun);
    this.#welcome();
    await this.#noteTrust();
    await this.pushTrust();
    await this.pushSchedules();
    if (begun.machine.state === "active") await this.#host.ready(this);
  }

  #welcome(): void {
    if (this.#state.name !== "open") return;
    this.#told = this.#host.pace();
    this.send({
      $case: "welcome",
      value: {
        machineId: this.machineId,
        name: this.#state.machine.name ?? "",
        time: this.#host.clock.now(),
        heartbeatEvery: this.#told,
        controller: this.#host.controllerId,
      },
    });
  }

  /**
   * What a person should look at: a controller, this one or another, wanted the machine to believe what would have shut it out. That
   * somebody else has the machine's identity is not to be hidden by it.
   */
  async #noteTrust(): Promise<void> {
    const { refused } = this.#trust;
    if (refused === undefined) return;
    const notice = `${refusedTrust}: ${refused.message}`.slice(0, longestNotice);
    const isNew = await this.#write((transaction) => noteMachine(transaction, this.machineId, notice, refusedTrust));
    // it is told again and again, and may be one of thousands: others have something to say as well
    if (!isNew) return;
    this.#say("warn", { notice }, "a machine refuses what it was told to believe");
    this.#host.changed(this.machineId);
  }

  async #beat({ time, running }: Heartbeat): Promise<void> {
    const seenMs = this.#host.clock.now().getTime();
    this.#skewMs = skewOf(time, seenMs);
    this.#host.seen({ machineId: this.machineId, seenMs, clockSkewMs: this.#skewMs });
    this.#running = running;
    const wanted = this.#host.pace();
    if (!isOtherPace(this.#told, wanted)) return;
    this.#told = wanted;
    this.send({ $case: "heartbeatEvery", value: wanted });
  }

  async #takeInventory(inventory: Inventory): Promise<void> {
    this.#inventory = inventory;
    const nowMs = this.#host.clock.now().getTime();
    await this.#write(async (transaction) => {
      await setInventory(transaction, this.machineId, inventory);
      await setJobs(transaction, [{ machineId: this.machineId, jobs: inventory.jobs, nowMs }]);
    });
  }

  async #report(report: RunReport): Promise<void> {
    const run = report.run;
    if (run === undefined) return;
    const ended = run.state !== RunState.RUNNING;
    await this.#record({ reports: [report] });
    this.send({ $case: "recorded", value: { runId: run.id, seq: this.#recordedSeqs.get(run.id) ?? 0, ended } });
    if (!ended) return;
    this.#recordedSeqs.delete(run.id);
    this.#running = this.#running.filter(({ runId }) => runId !== run.id);
  }

  async #events({ runId, events }: RunEvents): Promise<void> {
    const { machineId } = this;
    const rows = events.map((event) => ({ machineId, runId, seq: event.seq, event: encodeEvent(event) }));
    await this.#record({ events: rows });
    const seq = Math.max(this.#recordedSeqs.get(runId) ?? 0, ...events.map((event) => event.seq));
    this.#remember(runId, seq);
    this.send({ $case: "recorded", value: { runId, seq, ended: false } });
  }

  async #answer({ id, runId, error }: DispatchAnswer): Promise<void> {
    const answer = { machineId: this.machineId, dispatchId: id, runId: runId || undefined, error };
    await this.#record({ answers: [answer] });
    this.send({ $case: "recorded", value: { runId: id, seq: 0, ended: false } });
  }

  async #record(what: Partial<Pick<Recording, "reports" | "events" | "answers">>): Promise<void> {
    const { machineId } = this;
    const deadlineOf = (schedule: string) =>
      this.#schedules?.assignments.find((each) => each.schedule === schedule)?.work?.deadlineMs;
    const nothing = { reports: [], events: [], answers: [] };
    const unwanted = await this.#host.journal.record({ machineId, deadlineOf, ...nothing, ...what });
    for (const value of unwanted) this.send({ $case: "cancelOrder", value });
  }

  #remember(runId: string, seq: number): void {
    this.#recordedSeqs.delete(runId);
    this.#recordedSeqs.set(runId, seq);
    const [oldest] = this.#recordedSeqs.keys();
    if (this.#recordedSeqs.size > mostRuns && oldest !== undefined) this.#recordedSeqs.delete(oldest);
  }

  async #pushSchedules(): Promise<void> {
    const { machine } = this;
    if (machine === undefined) return;
    const schedules = await this.#host.assignmentsFor(machine);
    this.#schedules = schedules;
    if (schedules.revision === this.#revision) return;
    this.#revision = schedules.revision;
    this.send({ $case: "schedules", value: schedules });
    await this.#write((transaction) => setSchedulesRevision(transaction, this.machineId, schedules.revision));
  }

  #write<T>(work: (transaction: Database) => Promise<T>): Promise<T> {
    return this.#host.journal.run(work);
  }

  #fail(thrown: unknown): void {
    if (this.#wire.over.aborted) return;
    const error = asLuksmithError(thrown);
    if (error.code === "usage") {
      // what it is stands in the words: where in our program it was seen is nobody's concern
      this.#say("warn", { reason: error.message }, "an agent does not keep to the protocol");
      this.#leave("protocol", error.message);
      return;
    }
    this.#say("error", { err: error.cause ?? error }, "an agent's stream failed");
    this.#leave("stopping", "the controller cannot go on with this stream", failedRetryMs);
  }

  #say(level: "warn" | "error", facts: object, text: string): void {
    const { machineId, address } = this;
    this.#host.lines[level](machineId, { machine: machineId, address, ...facts }, text);
  }

  /** Not waited for: that the agent ends the stream is read by whoever would wait. */
  #leave(reason: GoodbyeReason, message: string, retryAfterMs = 0): void {
    void this.end(reason, message, retryAfterMs);
  }
}

/** What a message has the database do, in events. */
function costOf(said: Said): number {
  if (said.$case === "runEvents") return said.value.events.length;
  if (said.$case === "inventory") return 1 + said.value.jobs.length;
  if (said.$case === "hello") return costs.hello + (said.value.inventory?.jobs.length ?? 0);
  return said.$case in costs ? costs[said.$case as keyof typeof costs] : 1;
}

/** @param has what the machine says to have; one that says nothing may have anything */
function isAsked(asked: string, name: string, has: readonly { readonly name: string }[]): boolean {
  if (asked !== "*") return asked === name;
  return name !== "" && (has.length === 0 || has.some((each) => each.name === name));
}

function skewOf(time: Date | undefined, nowMs: number): number {
  return time === undefined ? 0 : time.getTime() - nowMs;
}

function nameOf({ instance, address }: { readonly instance: string; readonly address: string }): string {
  return `${instance} from ${address}`;
}

function taskOf({ schedule, job, volume }: PermitKey): string {
  return JSON.stringify([schedule, job, volume]);
}
