/** What `luksmith fleet ... --json` prints: as cli/json.ts, of which it is a part. */

import {
  type Alert,
  AlertState,
  type ApplySchedulesResponse,
  type Authority,
  type ChannelResult,
  type Controller,
  DispatchState,
  type FleetAuditEntry,
  type FleetDispatch,
  type FleetRun,
  type GetAuthoritiesResponse,
  type GetFleetResponse,
  type Label,
  type Machine,
  type MachineJobState,
  type MachineNote,
  type MachinePhase,
  MachineState,
  type Operator,
  Role,
  RotationPhase,
  type Schedule,
  type ScheduleChange,
  ScheduleChange_Kind,
  type Token,
  type WatchFleetResponse,
} from "../../proto/gen/luksmith/v1/controller.ts";
import type { RefusedAssignment, RunCause, ScheduleWindow, Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { enumName } from "../enum-name.ts";
import { errorFields, type JsonObject, orNull, progressFields, runFields, textOrNull, time } from "../json.ts";

export function fleetJson(fleet: GetFleetResponse): JsonObject {
  return { type: "fleet", ...fleetFields(fleet) };
}

/** @param secret told once, when it is made @param line what is typed on the machine */
export function fleetTokenJson(token: Token, made?: { secret: string; line: string }): JsonObject {
  return {
    type: "fleet_token",
    id: token.id,
    labels: labelFields(token.labels),
    createdAt: time(token.createdAt),
    expiresAt: time(token.expiresAt),
    uses: token.uses,
    usesLeft: token.usesLeft,
    createdBy: token.createdBy,
    name: textOrNull(token.name),
    namePattern: textOrNull(token.namePattern),
    revoked: token.revoked,
    secret: made?.secret ?? null,
    command: made?.line ?? null,
  };
}

export function fleetMachineJson(machine: Machine): JsonObject {
  return {
    type: "fleet_machine",
    id: machine.id,
    name: textOrNull(machine.name),
    hostname: machine.hostname,
    state: enumName(MachineState, machine.state),
    labels: labelFields(machine.labels),
    version: machine.version,
    connected: machine.connected,
    controller: textOrNull(machine.controller),
    enrolledAt: time(machine.enrolledAt),
    lastSeen: time(machine.lastSeen),
    clockSkewMs: machine.clockSkewMs,
    allowed: machine.inventory?.allowed ?? [],
    refused: machine.inventory?.refused.map(refusedFields) ?? [],
    certificateExpiresAt: time(machine.trust?.expires),
    jobs: machine.jobs.map(machineJobFields),
    notice: textOrNull(machine.notice),
  };
}

export function machineForgottenJson(machine: string): JsonObject {
  return { type: "fleet_machine_forgotten", machine };
}

export function fleetScheduleJson(schedule: Schedule): JsonObject {
  return {
    type: "fleet_schedule",
    name: schedule.name,
    selector: schedule.selector,
    work: orNull(schedule.work, workFields),
    cron: schedule.cron,
    timezone: textOrNull(schedule.timezone),
    splayMs: schedule.splayMs,
    windows: schedule.windows.map(windowFields),
    maxAgeMs: schedule.maxAgeMs || null,
    maxConcurrent: schedule.maxConcurrent || null,
    maxConcurrentPerBackupHost: schedule.maxConcurrentPerBackupHost || null,
    machines: schedule.machines,
    next: time(schedule.next),
    changedAt: time(schedule.changedAt),
    changedBy: schedule.changedBy,
    text: schedule.text,
  };
}

export function scheduleChangeJson({ schedule, kind, fields, machines }: ScheduleChange): JsonObject {
  return {
    type: "fleet_schedule_change",
    schedule,
    change: enumName(ScheduleChange_Kind, kind),
    machines,
    fields: fields.map(({ field, before, after }) => ({
      field,
      before: textOrNull(before),
      after: textOrNull(after),
    })),
  };
}

export function fleetApplyJson({ warnings, applied }: ApplySchedulesResponse): JsonObject {
  return { type: "fleet_apply", applied, warnings };
}

export function fleetDispatchJson(dispatch: FleetDispatch): JsonObject {
  return { type: "fleet_dispatch", ...dispatchFields(dispatch) };
}

export function fleetSkippedJson({ machine, reason }: MachineNote): JsonObject {
  return { type: "fleet_skipped", machine, reason };
}

export function fleetRunJson(run: FleetRun): JsonObject {
  return { type: "fleet_run", ...fleetRunFields(run) };
}

export function fleetViewJson({ fleet, running, queued, failing, overdue }: WatchFleetResponse): JsonObject {
  return {
    type: "fleet_view",
    fleet: orNull(fleet, fleetFields),
    running: running.map(fleetRunFields),
    queued: queued.map(dispatchFields),
    failing: failing.map(fleetRunFields),
    overdue: overdue.map(alertFields),
  };
}

export function fleetAlertJson(alert: Alert): JsonObject {
  return { type: "fleet_alert", ...alertFields(alert) };
}

export function fleetChannelJson({ channel, delivered, detail }: ChannelResult): JsonObject {
  return { type: "fleet_channel", channel, delivered, detail: textOrNull(detail) };
}

/** @param file where the credential was put, of one that was made */
export function fleetOperatorJson(operator: Operator, file = ""): JsonObject {
  return { type: "fleet_operator", ...operatorFields(operator), file: textOrNull(file) };
}

export function fleetAuthoritiesJson({ phase, authorities, machines }: GetAuthoritiesResponse): JsonObject {
  return {
    type: "fleet_authorities",
    phase: enumName(RotationPhase, phase),
    authorities: authorities.map(authorityFields),
    machines: machines.map(machinePhaseFields),
  };
}

export function fleetControllerJson(controller: Controller): JsonObject {
  return {
    type: "fleet_controller",
    id: controller.id,
    address: controller.address,
    version: controller.version,
    startedAt: time(controller.startedAt),
    lastSeen: time(controller.lastSeen),
    machines: controller.machines,
    alive: controller.alive,
    revoked: controller.revoked,
  };
}

export function fleetAuditJson(entry: FleetAuditEntry): JsonObject {
  return {
    type: "fleet_audit",
    time: time(entry.time),
    operator: textOrNull(entry.operator),
    action: entry.action,
    target: textOrNull(entry.target),
    allowed: entry.allowed,
    detail: textOrNull(entry.detail),
  };
}

function fleetFields(fleet: GetFleetResponse) {
  return {
    version: fleet.version,
    controller: fleet.controller,
    operator: orNull(fleet.operator, operatorFields),
    machines: fleet.machines,
    connected: fleet.connected,
    pending: fleet.pending,
    running: fleet.running,
    queued: fleet.queued,
    overdue: fleet.overdue,
    alerts: fleet.alerts,
    time: time(fleet.time),
  };
}

/** An object of text. JSON.parse takes "__proto__" for a name like any other, and so does this. */
function labelFields(labels: readonly Label[]): Record<string, string> {
  return Object.fromEntries(labels.map(({ name, value }) => [name, value]));
}

function machineJobFields(state: MachineJobState) {
  return {
    job: state.job,
    lastGood: time(state.lastGood),
    last: orNull(state.last, fleetRunFields),
    maxAgeMs: state.maxAgeMs || null,
    overdue: state.overdue,
    next: time(state.next),
  };
}

function refusedFields({ schedule, job, volume, error, occurrence }: RefusedAssignment) {
  return {
    schedule,
    job: textOrNull(job),
    volume: textOrNull(volume),
    error: orNull(error, errorFields),
    occurrence: time(occurrence),
  };
}

function workFields({ verb, job, volume, dryRun, level, deadlineMs, retry }: Work) {
  return {
    verb: enumName(Verb, verb),
    job: textOrNull(job),
    volume: textOrNull(volume),
    dryRun,
    level: textOrNull(level),
    deadlineMs: deadlineMs || null,
    retry: orNull(retry, ({ attempts, waitMs, longestWaitMs }) => ({
      attempts: attempts || null,
      waitMs: waitMs || null,
      longestWaitMs: longestWaitMs || null,
    })),
  };
}

function windowFields({ days, fromMinute, toMinute }: ScheduleWindow) {
  return { days, fromMinute, toMinute };
}

function dispatchFields(dispatch: FleetDispatch) {
  return {
    id: dispatch.id,
    batch: dispatch.batch,
    machine: dispatch.machine,
    work: orNull(dispatch.work, workFields),
    state: enumName(DispatchState, dispatch.state),
    createdAt: time(dispatch.createdAt),
    expiresAt: time(dispatch.expiresAt),
    createdBy: dispatch.createdBy,
    run: orNull(dispatch.run, fleetRunFields),
    error: orNull(dispatch.error, errorFields),
  };
}

function fleetRunFields({ machine, run, cause, progress, late }: FleetRun) {
  return {
    machine,
    run: orNull(run, runFields),
    cause: orNull(cause, causeFields),
    progress: orNull(progress, progressFields),
    late,
  };
}

function causeFields({ dispatchId, schedule, occurrence }: RunCause) {
  return { dispatch: textOrNull(dispatchId), schedule: textOrNull(schedule), occurrence: time(occurrence) };
}

function alertFields(alert: Alert) {
  return {
    id: alert.id,
    kind: alert.kind,
    machine: textOrNull(alert.machine),
    job: textOrNull(alert.job),
    state: enumName(AlertState, alert.state),
    since: time(alert.since),
    firedAt: time(alert.firedAt),
    resolvedAt: time(alert.resolvedAt),
    message: alert.message,
    notified: alert.notified,
  };
}

function operatorFields(operator: Operator) {
  return {
    name: operator.name,
    role: enumName(Role, operator.role),
    scope: textOrNull(operator.scope),
    createdAt: time(operator.createdAt),
    expiresAt: time(operator.expiresAt),
    revoked: operator.revoked,
    lastSeen: time(operator.lastSeen),
  };
}

function authorityFields(authority: Authority) {
  return {
    fingerprint: authority.fingerprint,
    createdAt: time(authority.createdAt),
    expiresAt: time(authority.expiresAt),
    issuesClients: authority.issuesClients,
    issuesServers: authority.issuesServers,
    next: authority.next,
  };
}

function machinePhaseFields({ machine, trustsNext, issuedByNext, connected, lastSeen }: MachinePhase) {
  return { machine, trustsNext, issuedByNext, connected, lastSeen: time(lastSeen) };
}
