import { type MachineJobState, MachineState, type Machine as Message } from "../../proto/gen/luksmith/v1/controller.ts";
import type { Machine } from "../store/machines.ts";
import { labelMessages, moment } from "./messages.ts";

const states = { pending: MachineState.PENDING, active: MachineState.ACTIVE, revoked: MachineState.REVOKED } as const;

export function machineMessage(machine: Machine, jobs: MachineJobState[]): Message {
  return {
    id: machine.id,
    name: machine.name ?? "",
    hostname: machine.hostname,
    state: states[machine.state],
    labels: labelMessages(machine.labels),
    version: machine.version,
    connected: machine.controllerId !== undefined,
    controller: machine.controllerId ?? "",
    enrolledAt: moment(machine.enrolledMs),
    lastSeen: moment(machine.lastSeenMs),
    clockSkewMs: machine.clockSkewMs,
    inventory: machine.inventory,
    trust: machine.trust,
    jobs,
    notice: machine.notice,
  };
}
