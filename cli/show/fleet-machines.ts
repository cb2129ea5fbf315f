/** The machines of a fleet, and what an operator does with one of them. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { formatDuration } from "../../common/units.ts";
import {
  type ListMachinesRequest,
  type Machine,
  type MachineJobState,
  MachineState,
} from "../../proto/gen/luksmith/v1/controller.ts";
import type { RefusedAssignment } from "../../proto/gen/luksmith/v1/fleet.ts";
import { confirm } from "../confirm.ts";
import { enumName } from "../enum-name.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetMachineJson, machineForgottenJson } from "../fleet/json.ts";
import type { LabelChange } from "../fleet/names.ts";
import { agoText, labelsText } from "../fleet/text.ts";
import { stateCell } from "../run-text.ts";
import { type Cell, type Paint, table } from "../table.ts";

/** Clocks that are kept by NTP differ by much less; with more, times of two machines cannot be compared. */
const skewWorthSayingMs = 30_000;

export async function showMachines(session: FleetSession, request: ListMachinesRequest): Promise<void> {
  const { machines } = await session.ask(session.fleet.listMachines(request));
  session.result(
    () => machines.map(fleetMachineJson),
    () => machinesText(machines, request.jobs, session.clock.now(), session.paint),
  );
}

/** @param jobs a row for each job, instead of one for each machine */
export function machinesText(machines: readonly Machine[], jobs: boolean, now: Date, paint: Paint): string {
  if (machines.length === 0)
    return "no machine fits: luksmith fleet machines lists all, luksmith fleet token create makes the line for one to join\n";
  if (!jobs) {
    return table(
      ["MACHINE", "STATE", "LABELS", "VERSION", "LAST SEEN", "NOTES"],
      machines.map((machine) => machineRow(machine, now)),
      paint,
    );
  }
  return table(
    ["MACHINE", "JOB", "LAST GOOD BACKUP", "LAST RUN", "NEXT", "NOTES"],
    machines.flatMap((machine) =>
      machine.jobs.length === 0
        ? [[shownName(machine), "-", "-", "-", "-", machineNotes(machine, now)]]
        : machine.jobs.map((job) => jobRow(machine, job, now)),
    ),
    paint,
  );
}

function machineRow(machine: Machine, now: Date): Cell[] {
  return [
    shownName(machine),
    stateOf(machine),
    labelsText(machine.labels),
    machine.version,
    machine.connected ? "now" : agoText(machine.lastSeen, now),
    machineNotes(machine, now),
  ];
}

/** As it is typed: its name, or its id where it has none yet. */
function shownName({ name, id }: Machine): string {
  return name || id;
}

function stateOf({ state, connected }: Machine): Cell {
  if (state === MachineState.ACTIVE) return connected ? { text: "connected", style: "green" } : "away";
  return { text: enumName(MachineState, state), style: state === MachineState.REVOKED ? "red" : "yellow" };
}

function machineNotes({ name, hostname, state, clockSkewMs, notice, inventory }: Machine, now: Date): Cell {
  const refused = inventory?.refused ?? [];
  const notes = [
    notice,
    ...refused.map((each) => refusedText(each, now)),
    state === MachineState.PENDING ? "luksmith fleet accept makes it one of the fleet" : "",
    Math.abs(clockSkewMs) < skewWorthSayingMs
      ? ""
      : `its clock is ${formatDuration(Math.abs(clockSkewMs))} ${clockSkewMs > 0 ? "ahead" : "behind"}`,
    hostname === name ? "" : `host name ${hostname}`,
  ].filter((note) => note !== "");
  if (notice === "" && refused.length === 0) return notes.join("; ");
  return { text: notes.join("; "), style: notice === "" ? "yellow" : "red" };
}

function jobRow(machine: Machine, state: MachineJobState, now: Date): Cell[] {
  const { last, lastGood, next } = state;
  return [
    shownName(machine),
    state.job,
    lastGood === undefined ? { text: "never", style: "yellow" } : agoText(lastGood, now),
    last?.run === undefined ? "-" : stateCell(last.run),
    agoText(next, now),
    jobNotes(machine, state, now),
  ];
}

function jobNotes({ inventory }: Machine, { job, maxAgeMs, overdue }: MachineJobState, now: Date): Cell {
  const refused = (inventory?.refused ?? []).filter((each) => each.job === job || each.job === "*");
  const notes = refused.map((each) => refusedText(each, now));
  if (job === "*") notes.unshift("the machine tells of no job");
  if (overdue) notes.unshift(`overdue: should not be older than ${formatDuration(maxAgeMs)}`);
  return notes.length === 0 ? "" : { text: notes.join("; "), style: overdue ? "red" : "yellow" };
}

/** What a schedule asks of the machine, and is not done. */
function refusedText({ schedule, job, volume, occurrence, error }: RefusedAssignment, now: Date): string {
  const what = `${schedule} (${job || volume})`;
  return occurrence === undefined
    ? `refuses ${what}: ${error?.message}`
    : `${what} could not begin ${agoText(occurrence, now)}: ${error?.message}`;
}

export async function acceptMachine(session: FleetSession, machine: string, name: string): Promise<void> {
  const answer = await session.ask(session.fleet.acceptMachine({ machine, name }));
  sayMachine(session, answer.machine, (shown) => `${shown} is one of the fleet`);
}

export async function labelMachine(
  session: FleetSession,
  machine: string,
  changes: readonly LabelChange[],
): Promise<void> {
  const set = changes.flatMap((change) => ("set" in change ? [change.set] : []));
  const remove = changes.flatMap((change) => ("remove" in change ? [change.remove] : []));
  const answer = await session.ask(session.fleet.changeMachine({ machine, name: "", set, remove }));
  sayMachine(session, answer.machine, (shown, { labels }) => `${shown}: ${labelsText(labels) || "no label"}`);
}

export async function renameMachine(session: FleetSession, machine: string, name: string): Promise<void> {
  const answer = await session.ask(session.fleet.changeMachine({ machine, name, set: [], remove: [] }));
  sayMachine(session, answer.machine, (shown) => `${machine} is called ${shown} from now on`);
}

export async function revokeMachine(session: FleetSession, machine: string, yes: boolean): Promise<void> {
  if (!yes) {
    const question = `Revoke ${machine}: it is cut off at once, and comes back only by enrolling anew`;
    await confirm(session, question, `luksmith fleet revoke ${machine} --yes`);
  }
  const answer = await session.ask(session.fleet.revokeMachine({ machine }));
  sayMachine(
    session,
    answer.machine,
    (shown) => `${shown} is revoked; luksmith fleet forget removes what is known of it`,
  );
}

export async function forgetMachine(session: FleetSession, machine: string, yes: boolean): Promise<void> {
  if (!yes) {
    const question = `Forget ${machine}: its runs, their logs and its alerts are removed for good`;
    await confirm(session, question, `luksmith fleet forget ${machine} --yes`);
  }
  await session.ask(session.fleet.forgetMachine({ machine }));
  session.result(
    () => [machineForgottenJson(machine)],
    () => `${escapeControls(machine)} is forgotten; its backups stay where they are\n`,
  );
}

function sayMachine(
  session: FleetSession,
  machine: Machine | undefined,
  text: (shown: string, machine: Machine) => string,
): void {
  if (machine === undefined) throw new LuksmithError("internal", "the controller did not say which machine that is");
  session.result(
    () => [fleetMachineJson(machine)],
    () => `${escapeControls(text(shownName(machine), machine))}\n`,
  );
}
