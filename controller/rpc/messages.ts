/** What the store has, as operators are told it. */

import {
  type Alert,
  AlertState,
  DispatchState,
  type FleetDispatch,
  type FleetRun,
  type Label,
  type Operator,
  Role,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { type Run, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { Role as RoleName } from "../operators/rights.ts";
import type { Labels } from "../selector/label.ts";
import type { StoredDispatch } from "../store/dispatches.ts";
import type { ViewedAlert } from "../store/fleet-view.ts";
import type { OperatorRow } from "../store/operators.ts";
import { isLate, type StoredRun } from "../store/runs.ts";
import { keyOfRun, type ProgressOfRuns } from "../view/fleet-view.ts";

export function labelMessages(labels: Labels): Label[] {
  return Object.entries(labels)
    .map(([name, value]) => ({ name, value }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function moment(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

/** @param machine as people call it */
export function runMessage(run: StoredRun, machine: string, progress: ProgressOfRuns, nowMs: number): FleetRun {
  return {
    machine,
    run: runOf(run),
    cause: run.report.cause,
    progress: run.state === RunState.RUNNING ? progress.get(keyOfRun(run.machineId, run.runId)) : undefined,
    late: isLate(run, nowMs),
  };
}

/** The columns count: of two reports they have the later one's word. */
function runOf({ report, runId, state }: StoredRun): Run | undefined {
  return report.run && { ...report.run, id: runId, state };
}

const dispatchStates = {
  queued: DispatchState.QUEUED,
  sent: DispatchState.SENT,
  running: DispatchState.RUNNING,
  refused: DispatchState.REFUSED,
  ended: DispatchState.ENDED,
  expired: DispatchState.EXPIRED,
  cancelled: DispatchState.CANCELLED,
} as const;

/** @param machine as people call it */
export function dispatchMessage(dispatch: StoredDispatch, machine: string, run: FleetRun | undefined): FleetDispatch {
  return {
    id: dispatch.id,
    batch: dispatch.batch,
    machine,
    work: dispatch.work,
    state: dispatchStates[dispatch.state],
    createdAt: moment(dispatch.createdMs),
    expiresAt: moment(dispatch.expiresMs),
    createdBy: dispatch.createdBy,
    run,
    error: dispatch.error,
  };
}

const alertStates = {
  pending: AlertState.PENDING,
  firing: AlertState.FIRING,
  resolved: AlertState.RESOLVED,
} as const;

/** @param machine as people call it */
export function alertMessage(alert: ViewedAlert, machine: string): Alert {
  return {
    id: alert.id,
    kind: alert.kind,
    machine,
    job: alert.job,
    state: alertStates[alert.state],
    since: moment(alert.sinceMs),
    firedAt: moment(alert.firedMs),
    resolvedAt: moment(alert.resolvedMs),
    message: alert.message,
    notified: alert.notified,
  };
}

const roleValues = { viewer: Role.VIEWER, operator: Role.OPERATOR, admin: Role.ADMIN } as const;

/** @returns undefined for what is none */
export function roleOf(role: Role): RoleName | undefined {
  return Object.entries(roleValues).find(([, value]) => value === role)?.[0] as RoleName | undefined;
}

/** @param expiresMs of the newest certificate */
export function operatorMessage(row: OperatorRow, expiresMs: number | undefined): Operator {
  return {
    name: row.name,
    role: roleValues[row.role],
    scope: row.scope,
    createdAt: moment(row.createdMs),
    expiresAt: moment(expiresMs),
    revoked: row.revokedMs !== undefined,
    lastSeen: moment(row.lastSeenMs),
  };
}
