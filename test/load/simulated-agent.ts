/**
 * One machine of a simulated fleet, as far as the controller can tell: a TLS connection of its own with a certificate of its own, the
 * stream, heartbeats, answers. What it leaves out is the work: a run of its does nothing for some seconds, and says so meanwhile.
 */

import { waitBefore } from "../../agent/fleet/backoff.ts";
import {
  ConnectRequest,
  ConnectResponse,
  type Dispatch,
  FleetServiceService,
  type HeartbeatEvery,
  type RunCause,
} from "../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, type RunEvent, RunState, RunTotals } from "../../proto/gen/luksmith/v1/types.ts";
import { LeanStream } from "./lean-stream.ts";

export interface SimulatedIdentity {
  readonly name: string;
  /** PEM, both. */
  readonly certificate: string;
  readonly key: string;
}

export interface FleetToJoin {
  readonly addresses: readonly string[];
  /** PEM. */
  readonly authorities: string;
  /** How many events each run has. */
  readonly eventsPerRun: number;
}

/** What the bench wants to know of it. */
export interface Observer {
  connected(name: string): void;
  disconnected(name: string, why: string): void;
  /** The controller asked for a run. */
  asked(name: string): void;
  /** The controller has stored a run with all its events. */
  recorded(name: string): void;
  /** It has told the controller that it lives. */
  beat(): void;
  /** It has been given its schedules. */
  scheduled(): void;
}

type RequestKind = NonNullable<ConnectRequest["kind"]>;

/** One schedule each, and the first is what is asked for "now". */
export const benchJobs = ["home", "etc", "srv"] as const;
const [job] = benchJobs;
const volume = "home";
const backupHosts = 20;
/** The shortest that a backup takes which has to reach its host, to open a volume and to look through a file system. */
const runMs = 5000;
/** What happened in so long an agent reports at once. */
const reportEveryMs = 1000;

interface SimulatedRun {
  readonly cause: RunCause;
  /** So far. */
  readonly events: RunEvent[];
  run: Run;
}

export class SimulatedAgent {
  readonly #identity: SimulatedIdentity;
  readonly #fleet: FleetToJoin;
  readonly #observer: Observer;
  readonly #number: number;
  #stream: LeanStream | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempts = 0;
  #spreadMs = 0;
  #retryAfterMs = 0;
  #runs = 0;
  #ended = false;
  #schedulesRevision = "";
  #instance: string;
  /** Runs that the controller has not told to be stored yet, with how many events they have. */
  readonly #unrecorded = new Map<string, SimulatedRun>();
  readonly #done = new Set<string>();

  constructor(number: number, identity: SimulatedIdentity, fleet: FleetToJoin, observer: Observer) {
    this.#number = number;
    this.#identity = identity;
    this.#fleet = fleet;
    this.#observer = observer;
    this.#instance = `${identity.name}-1`;
  }

  connect(): void {
    if (this.#ended) return;
    const { addresses, authorities } = this.#fleet;
    const address = addresses[(this.#number + this.#attempts) % addresses.length] ?? "";
    const { certificate, key } = this.#identity;
    const stream = new LeanStream(
      { address, path: FleetServiceService.connect.path, authorities, certificate, key },
      {
        message: (bytes) => this.#receive(ConnectResponse.decode(bytes)),
        ended: (why) => this.#lost(stream, why),
      },
    );
    this.#stream = stream;
    this.#send({
      $case: "hello",
      value: {
        version: "simulated",
        hostname: this.#identity.name,
        instance: this.#instance,
        time: new Date(),
        inventory: {
          jobs: benchJobs.map((name) => ({ name, volume, lastGood: undefined })),
          volumes: [{ name: volume, backupHost: `vault${this.#number % backupHosts}:22` }],
          refused: [],
          allowed: ["status", "log", "backup", "verify", "cancel"],
        },
        trust: undefined,
        schedulesRevision: this.#schedulesRevision,
      },
    });
  }

  /** As a machine that is switched off: without a word. */
  end(): void {
    this.#ended = true;
    this.#drop();
  }

  get isConnected(): boolean {
    return this.#heartbeat !== undefined;
  }

  #send(kind: RequestKind): void {
    this.#stream?.send(ConnectRequest.encode({ kind }).finish());
  }

  #receive({ kind }: ConnectResponse): void {
    switch (kind?.$case) {
      case "welcome":
        this.#attempts = 0;
        this.#beat(kind.value.heartbeatEvery ?? { intervalMs: 60_000, spreadMs: 0 });
        this.#observer.connected(this.#identity.name);
        for (const report of this.#unrecorded.values()) this.#report(report);
        return;
      case "heartbeatEvery":
        this.#beat(kind.value);
        return;
      case "schedules":
        this.#schedulesRevision = kind.value.revision;
        this.#observer.scheduled();
        return;
      case "dispatch":
        this.#observer.asked(this.#identity.name);
        this.#execute(kind.value);
        return;
      case "recorded": {
        const { runId, ended, seq } = kind.value;
        const report = this.#unrecorded.get(runId);
        if (report?.run.state === RunState.DONE && ended && seq >= report.events.length) {
          this.#unrecorded.delete(runId);
          this.#observer.recorded(this.#identity.name);
        }
        return;
      }
      case "goodbye":
        this.#retryAfterMs = kind.value.retryAfterMs;
        return;
      case "permitGrant":
      case "cancelOrder":
      case "query":
      case "endQuery":
      case "newTrust":
      case undefined:
        return;
    }
  }

  #beat({ intervalMs, spreadMs }: HeartbeatEvery): void {
    clearInterval(this.#heartbeat);
    this.#spreadMs = spreadMs;
    const beat = () => {
      this.#send({ $case: "heartbeat", value: { time: new Date(), running: [] } });
      this.#observer.beat();
    };
    // not all at one moment: each began at its own
    this.#heartbeat = setInterval(beat, intervalMs);
  }

  #execute({ id, work }: Dispatch): void {
    if (!this.#done.has(id)) {
      this.#done.add(id);
      this.#runs += 1;
      const runId = `run${this.#runs.toString(36).padStart(7, "0")}`;
      const startedAt = new Date();
      const run: Run = {
        ...{ id: runId, verb: work?.verb ?? 0, volume, job, state: RunState.RUNNING, startedAt },
        ...{ finishedAt: undefined, caller: { uid: 0, name: "root" }, error: undefined, summary: "", snapshot: "" },
        ...{ dryRun: false, totals: undefined, retry: undefined },
      };
      const cause = { dispatchId: id, schedule: "", occurrence: undefined };
      const simulated = { run, cause, events: [] };
      this.#unrecorded.set(runId, simulated);
      this.#send({ $case: "dispatchAnswer", value: { id, runId, error: undefined } });
      this.#report(simulated);
      this.#goOn(simulated, runMs / reportEveryMs);
    }
  }

  /** @param reports that are still to come */
  #goOn(simulated: SimulatedRun, reports: number): void {
    setTimeout(() => {
      if (this.#ended) return;
      const before = simulated.events.length;
      const more = Math.ceil((this.#fleet.eventsPerRun - before) / reports);
      for (let seq = before + 1; seq <= before + more; seq += 1) simulated.events.push(eventOf(seq));
      if (reports > 1) {
        this.#report(simulated, before);
        this.#goOn(simulated, reports - 1);
        return;
      }
      const totals = RunTotals.create({ files: 3012 });
      simulated.run = { ...simulated.run, state: RunState.DONE, finishedAt: new Date(), totals };
      this.#report(simulated, before);
    }, reportEveryMs);
  }

  /** @param after the events until there have been sent */
  #report({ run, cause, events }: SimulatedRun, after = 0): void {
    const news = events.slice(after);
    const begun = { ...run, state: RunState.RUNNING, finishedAt: undefined };
    if (after === 0) this.#send({ $case: "runReport", value: { run: begun, cause } });
    if (news.length > 0) this.#send({ $case: "runEvents", value: { runId: run.id, events: news } });
    if (run.state !== RunState.RUNNING) this.#send({ $case: "runReport", value: { run, cause } });
  }

  #lost(stream: LeanStream, why: string): void {
    if (stream !== this.#stream) return;
    const was = this.isConnected;
    this.#drop();
    if (was) this.#observer.disconnected(this.#identity.name, why);
    if (this.#ended) return;
    // as the agent does it
    const setback = { failures: this.#attempts, retryAfterMs: this.#retryAfterMs, spreadMs: this.#spreadMs };
    this.#attempts += 1;
    this.#retryAfterMs = 0;
    this.#retry = setTimeout(() => this.connect(), waitBefore(setback, Math.random()));
  }

  #drop(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#retry);
    this.#heartbeat = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.drop();
  }
}

function eventOf(seq: number): RunEvent {
  return {
    seq,
    time: new Date(),
    kind: {
      $case: "progress",
      value: {
        ...{ step: "copy", bytesDone: seq * 2 ** 20, bytesTotal: 2 ** 30, filesDone: seq * 100, filesTotal: 5000 },
        ...{ bytesPerSecond: 2 ** 20, remainingMs: 60_000 },
      },
    },
  };
}
