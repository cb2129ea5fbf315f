/** Messages of the controller, complete, for tests to vary. */

import {
  type Alert,
  AlertState,
  type Controller,
  DispatchState,
  type FleetAuditEntry,
  type FleetDispatch,
  type FleetRun,
  type GetAuthoritiesResponse,
  type GetFleetResponse,
  type Machine,
  MachineState,
  type Operator,
  Role,
  RotationPhase,
  type Schedule,
  type Token,
  type WatchFleetResponse,
} from "../../../proto/gen/luksmith/v1/controller.ts";
import { Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { after, runningRun, sampleProgress, sampleRun } from "./samples.ts";

export const authorityFingerprint = "ab".repeat(32);

export function sampleOperator(changes: Partial<Operator> = {}): Operator {
  return {
    name: "alice",
    role: Role.ADMIN,
    scope: "",
    createdAt: after(-3600),
    expiresAt: after(30 * 86_400),
    revoked: false,
    lastSeen: after(-60),
    ...changes,
  };
}

export function sampleFleet(changes: Partial<GetFleetResponse> = {}): GetFleetResponse {
  return {
    version: "0.1.0",
    controller: "c1",
    operator: sampleOperator(),
    machines: 120,
    connected: 118,
    pending: 1,
    running: 3,
    queued: 2,
    overdue: 1,
    alerts: 1,
    time: after(0),
    ...changes,
  };
}

export function sampleToken(changes: Partial<Token> = {}): Token {
  return {
    id: "t7c2m4",
    labels: [{ name: "env", value: "prod" }],
    createdAt: after(0),
    expiresAt: after(1800),
    uses: 1,
    usesLeft: 1,
    createdBy: "alice",
    name: "",
    namePattern: "",
    revoked: false,
    ...changes,
  };
}

export function sampleWork(changes: Partial<Work> = {}): Work {
  return Work.create({ verb: Verb.BACKUP, job: "home", ...changes });
}

export function sampleFleetRun(changes: Partial<FleetRun> = {}): FleetRun {
  return {
    machine: "web01",
    run: sampleRun(),
    cause: { dispatchId: "", schedule: "nightly", occurrence: after(0) },
    progress: undefined,
    late: false,
    ...changes,
  };
}

export function runningFleetRun(changes: Partial<FleetRun> = {}): FleetRun {
  return sampleFleetRun({ run: runningRun(), progress: sampleProgress(), ...changes });
}

export function sampleMachine(changes: Partial<Machine> = {}): Machine {
  return {
    id: "m4kq2v7c",
    name: "web01",
    hostname: "web01",
    state: MachineState.ACTIVE,
    labels: [
      { name: "role", value: "web" },
      { name: "env", value: "prod" },
    ],
    version: "0.1.0",
    connected: true,
    controller: "c1",
    enrolledAt: after(-86_400),
    lastSeen: after(-5),
    clockSkewMs: 12,
    inventory: { jobs: [], volumes: [], allowed: ["backup", "status"], refused: [] },
    trust: {
      authorities: [authorityFingerprint],
      issuer: authorityFingerprint,
      expires: after(86_400),
      revokedControllers: [],
      refused: undefined,
      addresses: ["fleet.example.net:7443"],
    },
    jobs: [
      {
        job: "home",
        lastGood: after(-7200),
        last: sampleFleetRun(),
        maxAgeMs: 3_600_000,
        overdue: true,
        next: after(600),
      },
    ],
    notice: "",
    ...changes,
  };
}

export function sampleSchedule(changes: Partial<Schedule> = {}): Schedule {
  return {
    name: "nightly",
    selector: "env=prod",
    work: sampleWork(),
    cron: "0 2 * * *",
    timezone: "Europe/Berlin",
    splayMs: 600_000,
    windows: [{ days: [1, 2], fromMinute: 60, toMinute: 300 }],
    maxAgeMs: 93_600_000,
    maxConcurrent: 10,
    maxConcurrentPerBackupHost: 2,
    machines: 12,
    next: after(3600),
    changedAt: after(-60),
    changedBy: "alice",
    text: "nightly:\n  cron: 0 2 * * *\n",
    ...changes,
  };
}

export function sampleDispatch(changes: Partial<FleetDispatch> = {}): FleetDispatch {
  return {
    id: "d1",
    batch: "b4k2",
    machine: "web01",
    work: sampleWork(),
    state: DispatchState.QUEUED,
    createdAt: after(-30),
    expiresAt: after(86_400),
    createdBy: "alice",
    run: undefined,
    error: undefined,
    ...changes,
  };
}

/** One that has come to an end on the machine. */
export function endedDispatch(run: FleetRun, changes: Partial<FleetDispatch> = {}): FleetDispatch {
  return sampleDispatch({ state: DispatchState.ENDED, machine: run.machine, id: `d-${run.machine}`, run, ...changes });
}

export function sampleAlert(changes: Partial<Alert> = {}): Alert {
  return {
    id: "a1",
    kind: "overdue",
    machine: "web01",
    job: "home",
    state: AlertState.FIRING,
    since: after(-3600),
    firedAt: after(-3000),
    resolvedAt: undefined,
    message: "the last good snapshot is 2 h old, and should not be older than 1 h",
    notified: 2,
    ...changes,
  };
}

export function sampleView(changes: Partial<WatchFleetResponse> = {}): WatchFleetResponse {
  return {
    fleet: sampleFleet(),
    running: [runningFleetRun()],
    queued: [sampleDispatch({ machine: "web02" })],
    failing: [],
    overdue: [sampleAlert()],
    ...changes,
  };
}

export function sampleAuthorities(changes: Partial<GetAuthoritiesResponse> = {}): GetAuthoritiesResponse {
  return {
    phase: RotationPhase.NONE,
    authorities: [
      {
        fingerprint: authorityFingerprint,
        createdAt: after(-86_400),
        expiresAt: after(86_400 * 3650),
        issuesClients: true,
        issuesServers: true,
        next: false,
      },
    ],
    machines: [
      { machine: "web01", trustsNext: true, issuedByNext: false, connected: true, lastSeen: after(0) },
      { machine: "web02", trustsNext: false, issuedByNext: false, connected: false, lastSeen: after(-86_400) },
    ],
    ...changes,
  };
}

export function sampleController(changes: Partial<Controller> = {}): Controller {
  return {
    id: "c1",
    address: "controller.example.net:7443",
    version: "0.1.0",
    startedAt: after(-3600),
    lastSeen: after(-1),
    machines: 118,
    alive: true,
    revoked: false,
    ...changes,
  };
}

export function sampleFleetAudit(changes: Partial<FleetAuditEntry> = {}): FleetAuditEntry {
  return {
    time: after(5),
    operator: "alice",
    action: "RevokeMachine",
    target: "web01",
    allowed: true,
    detail: "",
    ...changes,
  };
}
