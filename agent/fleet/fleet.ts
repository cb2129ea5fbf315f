/** The machine as one of a fleet: what is said over the stream to the controller, and who in the agent does what it hears. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Clock, pause } from "../../common/clock.ts";
import { toErrorDetail } from "../../common/error-wire.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { showAddress } from "../../common/fleet/address.ts";
import type { Log } from "../../common/log.ts";
import { version } from "../../common/version.ts";
import { FleetConnection, FleetConnection_State as State } from "../../proto/gen/luksmith/v1/agent.ts";
import type { Hello, NewTrust, Schedules } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import { RunCauses } from "../runs/run-causes.ts";
import type { RunStore } from "../runs/run-store.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import type { Machine } from "../verbs/machine.ts";
import { findVolume } from "../volume/target.ts";
import { Connection, type Conversation, type Heard } from "./connection.ts";
import { Dispatches, type StartWork } from "./dispatches.ts";
import { sendHeartbeats } from "./heartbeats.ts";
import type { IdentityFile, KeptTrust, MachineIdentity } from "./identity-file.ts";
import { inventoryOf } from "./inventory.ts";
import type { Link } from "./link.ts";
import { OrderLog } from "./order-log.ts";
import { Permits } from "./permits.ts";
import { Queries } from "./queries.ts";
import { FleetRecords } from "./records.ts";
import { Refusal } from "./refusal.ts";
import { Reporter } from "./reporter.ts";
import { FleetSchedules } from "./schedules.ts";
import { askForCertificate, expiryOf, renewalOf, trustOf } from "./trust.ts";
import { isAddition, requireWayBack } from "./way-back.ts";

/** A renewal that came to nothing is tried again after this; there is a third of the certificate's life for it. */
const renewAgainMs = 3_600_000;
/** Each takes a key and a handshake; a controller may ask for it as often as it likes. */
const renewPauseMs = 60_000;
const shortestSleepMs = 1000;
const longestSleepMs = 3_600_000;

interface Parts {
  readonly machine: Machine;
  readonly store: RunStore;
  readonly audit: AuditLog;
  readonly scheduler: Pick<Scheduler, "setAssignments" | "usePermits" | "notBegun" | "begunOrNot">;
  readonly identities: Pick<IdentityFile, "read" | "renew" | "keepTrust">;
  readonly startWork: StartWork;
  readonly random: () => number;
}

export class Fleet {
  readonly #parts: Parts;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Two agents with one identity are told apart by it. */
  readonly #instance = randomBytes(8).toString("hex");
  readonly #records: FleetRecords;
  readonly #reporter: Reporter;
  readonly #dispatches: Dispatches;
  readonly #queries: Queries;
  readonly #schedules: FleetSchedules;
  readonly #permits: Permits;
  readonly #connection: Connection;
  readonly #closed = new AbortController();
  #renewing: Promise<void> | undefined;
  #renewal: Promise<void> | undefined;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #identity: MachineIdentity | undefined;
  #trusting: Promise<void> = Promise.resolve();
  /** What it was told of that last, and has not looked at. */
  #nextTrust: { readonly order: NewTrust; readonly link: Link; readonly machineId: string } | undefined;
  readonly #refusal: Refusal;
  /** What the last inventory had of it. */
  #toldNotBegun = "";

  /** @throws {LuksmithError} when the history of runs cannot be read */
  constructor(parts: Parts) {
    const { machine, store, audit, scheduler, identities, startWork, random } = parts;
    const { config, host, runs } = machine;
    const { clock, log } = host;
    const { allow, addresses } = config.controller;
    this.#parts = parts;
    this.#clock = clock;
    this.#log = log;
    const causes = new RunCauses(store);
    const orders = new OrderLog(audit, config);
    this.#records = new FleetRecords(store);
    this.#refusal = new Refusal(clock);
    this.#reporter = new Reporter({ runs, store, records: this.#records, causes }, allow, clock, log);
    this.#dispatches = new Dispatches({ runs, records: this.#records, causes, orders, startWork, clock, log }, allow);
    this.#queries = new Queries(machine, orders);
    this.#schedules = new FleetSchedules(config, scheduler, log);
    this.#permits = new Permits(clock, (volume) => this.#backupHostOf(volume));
    const conversation: Conversation = {
      hello: (identity) => this.#hello(identity),
      begin: (link) => this.#tell(link),
      hear: (heard, link, identity) => this.#hear(heard, link, identity),
    };
    this.#connection = new Connection({ identities, addresses, conversation, clock, log, random });
  }

  /** Goes on with what an earlier agent was told to do, with or without a controller. */
  async begin(): Promise<void> {
    this.#parts.scheduler.usePermits(this.#permits.ask);
    await this.#enter();
    this.#dispatches.goOn();
    this.#connection.begin();
    this.#renewing = this.#renewInTime();
  }

  /** The machine is enrolled, shows another certificate, or has left its fleet. */
  async identityChanged(): Promise<void> {
    const before = this.#identity?.machineId;
    await this.#enter();
    // what was refused to the controllers of another fleet is no concern of this one's
    if (this.#identity?.machineId !== before) this.#refusal.clear();
    this.#connection.renew();
  }

  /** Nothing that was heard is begun any more. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#connection.close();
    await this.#dispatches.close();
    await this.#renewing;
    await this.#trusting;
  }

  /** For people on the machine. */
  status(): FleetConnection {
    const state = this.#connection.state;
    const identity = this.#identity;
    const status = FleetConnection.create({
      state: wireStates[state.kind],
      since: state.since,
      machineId: identity?.machineId ?? "",
      certificateExpires: identity && this.#expiry(identity),
      unreported: identity === undefined ? 0 : this.#unreported(),
    });
    switch (state.kind) {
      case "not_enrolled":
        return status;
      case "connecting":
        return { ...status, address: state.address };
      case "connected":
        return { ...status, address: state.address, controller: state.controller, name: state.name };
      case "waiting":
        return { ...status, address: state.address, error: toErrorDetail(state.error), nextAttempt: state.until };
      case "unusable":
        return { ...status, error: toErrorDetail(state.error), nextAttempt: state.until };
    }
  }

  async #hello(identity: MachineIdentity): Promise<Hello> {
    this.#identity = identity;
    const trust = trustOf(identity);
    if (trust.expires !== undefined && trust.expires < this.#clock.now()) {
      throw new LuksmithError("denied", `the machine's certificate has expired on ${trust.expires.toISOString()}`, {
        hint: "is the clock of the machine right? Otherwise enrol it again: luksmith enroll",
      });
    }
    return {
      version,
      hostname: hostname(),
      instance: this.#instance,
      time: this.#clock.now(),
      inventory: this.#inventory(),
      trust: { ...trust, refused: this.#refusal.why },
      schedulesRevision: this.#schedules.revision,
    };
  }

  /** Until the stream has ended. */
  async #tell(link: Link): Promise<void> {
    const { runs, config } = this.#parts.machine;
    await Promise.all([
      sendHeartbeats(link, runs, config.controller.allow, this.#clock, () => this.#connection.heartbeatMs),
      this.#permits.connected(link),
      this.#dispatches.answerAgain(link),
      this.#reporter.report(link),
      this.#tellWhatCannotBegin(link),
    ]);
  }

  async #tellWhatCannotBegin(link: Link): Promise<void> {
    const { scheduler } = this.#parts;
    while (!link.gone.aborted) {
      // also what has happened since Hello was said
      const now = JSON.stringify(scheduler.notBegun());
      if (now !== this.#toldNotBegun) await link.send({ $case: "inventory", value: this.#inventory() });
      else await scheduler.begunOrNot.wait(link.gone);
    }
  }

  async #hear(heard: Heard, link: Link, identity: MachineIdentity): Promise<void> {
    switch (heard.$case) {
      case "schedules":
        return this.#takeSchedules(heard.value, link, identity);
      case "dispatch":
        return this.#dispatches.take(heard.value, link);
      case "cancelOrder":
        return this.#dispatches.cancel(heard.value, link);
      case "recorded":
        this.#reporter.recorded(heard.value);
        return this.#dispatches.recorded(heard.value.runId);
      case "permitGrant":
        return this.#permits.granted(heard.value);
      case "query":
        return this.#queries.take(heard.value, link);
      case "endQuery":
        return this.#queries.end(heard.value.id);
      case "newTrust":
        return this.#takeTrust(heard.value, link, identity);
      // the connection's own
      case "welcome":
      case "heartbeatEvery":
      case "goodbye":
        return;
    }
  }

  /** As whoever the machine is now. Never throws: the agent works without a controller as well. */
  async #enter(): Promise<void> {
    try {
      this.#identity = await this.#parts.identities.read();
    } catch (error) {
      this.#log.error({ err: error }, "what makes this machine one of a fleet cannot be read");
      return;
    }
    if (this.#identity === undefined) {
      this.#schedules.forget();
      return;
    }
    const { machineId } = this.#identity;
    try {
      if (this.#reporter.beginEnrolment(machineId) === "another") this.#dispatches.forget();
    } catch (error) {
      this.#log.error({ err: error }, "the controller is not told of runs: the history cannot be written");
    }
    await this.#schedules.load(machineId);
  }

  async #takeSchedules(schedules: Schedules, link: Link, { machineId }: MachineIdentity): Promise<void> {
    await this.#schedules.take(machineId, schedules);
    await link.send({ $case: "inventory", value: this.#inventory() });
  }

  /**
   * In its turn, and by the side: what else is heard need not wait for it. Of those that wait the newest has all that is wanted, since the
   * controller goes by what the machine has said last; and a hostile one could fill the memory with the others.
   */
  #takeTrust(order: NewTrust, link: Link, { machineId }: MachineIdentity): void {
    const isAwaited = this.#nextTrust !== undefined;
    this.#nextTrust = { order, link, machineId };
    if (!isAwaited) this.#trusting = this.#trusting.then(() => this.#trustNext());
  }

  async #trustNext(): Promise<void> {
    const next = this.#nextTrust;
    this.#nextTrust = undefined;
    if (next === undefined || next.link.gone.aborted) return;
    try {
      await this.#trust(next.order, next.link, next.machineId);
    } catch (error) {
      if (next.link.gone.aborted) return;
      this.#log.error({ err: error }, "what the controller wants believed came to nothing");
    }
  }

  async #trust(
    { authorities, addresses, renew, revokedControllers }: NewTrust,
    link: Link,
    machineId: string,
  ): Promise<void> {
    const { identities } = this.#parts;
    const { state } = this.#connection;
    const namedAt = state.kind === "connected" ? state.address : "";
    const kept: KeptTrust = {
      ...(authorities === "" ? {} : { authorities }),
      ...(addresses.length === 0 ? {} : { addresses, namedAt }),
      ...(revokedControllers === undefined ? {} : { revokedControllers: revokedControllers.ids }),
    };
    const isOfAddresses = kept.authorities === undefined && kept.revokedControllers === undefined;
    let isRefused = false;
    try {
      await this.#requireWayBack(kept, link);
      // by now the machine may have been enrolled elsewhere
      link.gone.throwIfAborted();
      if (Object.keys(kept).length > 0) {
        await identities.keepTrust(kept, machineId);
        this.#refusal.clear(isOfAddresses);
      }
    } catch (thrown) {
      isRefused = true;
      link.gone.throwIfAborted();
      const { code, message } = asLuksmithError(thrown);
      // it was told to a machine that this one is no more
      if (code === "not_found") throw thrown;
      const said = `${link.controller}: ${message}`;
      this.#log.error({ err: thrown, controller: link.controller }, "the controller is not believed");
      this.#refusal.set({ code, message: said, hint: "" }, isOfAddresses);
    }
    this.#identity = (await identities.read()) ?? this.#identity;
    if (this.#identity !== undefined && Object.keys(kept).length > 0) {
      const value = { ...trustOf(this.#identity), refused: this.#refusal.why };
      await link.send({ $case: "trust", value });
    }
    if (renew && !isRefused) this.#renewSoon();
  }

  /** @throws {LuksmithError} "refused" */
  async #requireWayBack({ authorities, revokedControllers = [] }: KeptTrust, link: Link): Promise<void> {
    if (revokedControllers.includes(link.controller)) {
      throw new LuksmithError("refused", "a controller that was revoked would not say so itself");
    }
    const { state } = this.#connection;
    const identity = await this.#parts.identities.read();
    if (authorities === undefined || identity === undefined || state.kind !== "connected") return;
    if (isAddition(authorities, identity)) return;
    // all machines are told at once
    await this.#clock.sleep(this.#parts.random() * this.#connection.spreadMs, link.gone);
    await requireWayBack(authorities, identity, state.address, link.gone);
  }

  #inventory() {
    const { config, runs } = this.#parts.machine;
    const notBegun = this.#parts.scheduler.notBegun();
    this.#toldNotBegun = JSON.stringify(notBegun);
    return inventoryOf(config, runs, this.#schedules.refused, notBegun);
  }

  async #renewInTime(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const dueMs = this.#identity === undefined ? longestSleepMs : this.#renewalMs(this.#identity);
      if (dueMs <= 0) this.#renewSoon();
      const sleepMs = Math.min(longestSleepMs, dueMs <= 0 ? renewAgainMs : Math.max(shortestSleepMs, dueMs));
      await pause(this.#clock, sleepMs, signal);
    }
  }

  /** In a moment; not again and again, however often somebody asks for it. */
  #renewSoon(): void {
    this.#renewal ??= this.#renew()
      .catch((error: unknown) => {
        if (!this.#closed.signal.aborted) this.#log.error({ err: error }, "the certificate could not be renewed");
      })
      .finally(() => {
        this.#renewal = undefined;
      });
  }

  async #renew(): Promise<void> {
    const { identities } = this.#parts;
    // all machines may have been asked for it at once
    const spreadMs = this.#parts.random() * this.#connection.spreadMs;
    const waitMs = Math.max(spreadMs, this.#renewedMs + renewPauseMs - this.#clock.monotonicMs());
    if (waitMs > 0) await this.#clock.sleep(waitMs, this.#closed.signal);
    const { state } = this.#connection;
    const identity = this.#identity;
    if (state.kind !== "connected" || identity === undefined) return;
    this.#renewedMs = this.#clock.monotonicMs();
    const { address } = state;
    await identities.renew(
      (request) => askForCertificate(address, identity, request, this.#clock.now().getTime()),
      address,
    );
    this.#log.info("the machine has another certificate");
  }

  #renewalMs(identity: MachineIdentity): number {
    try {
      return renewalOf(identity).getTime() - this.#clock.now().getTime();
    } catch (error) {
      this.#log.error({ err: error }, "the machine's certificate cannot be read");
      return longestSleepMs;
    }
  }

  #expiry(identity: MachineIdentity): Date | undefined {
    try {
      return expiryOf(identity);
    } catch {
      return undefined;
    }
  }

  #unreported(): number {
    try {
      return this.#records.unreported();
    } catch {
      return 0;
    }
  }

  #backupHostOf(volume: string): string {
    const { config } = this.#parts.machine;
    return config.volumes.has(volume) ? showAddress(findVolume(config, volume).remote) : "";
  }
}

const wireStates = {
  not_enrolled: State.NOT_ENROLLED,
  connecting: State.CONNECTING,
  connected: State.CONNECTED,
  waiting: State.WAITING,
  unusable: State.UNUSABLE,
} as const;
