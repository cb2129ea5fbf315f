/** What applying a file of schedules comes to. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import { namesEveryMachine, type Selectable, Selector } from "../selector/selector.ts";
import type { FleetSchedule } from "./fleet-schedule.ts";
import { type Field, fieldsOf } from "./written-form.ts";

/** One that is in force. */
export interface AppliedSchedule {
  readonly schedule: FleetSchedule;
  /** Occurrences before that are nobody's. */
  readonly sinceMs: number;
  /** Counts its changes. */
  readonly revision: number;
}

interface FieldChange {
  readonly field: string;
  /** YAML on one line; empty: not there. */
  readonly before: string;
  readonly after: string;
}

export interface ScheduleChange {
  readonly kind: "added" | "changed" | "unchanged" | "deleted" | "left";
  readonly name: string;
  readonly fields: readonly FieldChange[];
  /** How many machines it selects. */
  readonly machines: number;
  /** As it is to be from now on; undefined: as it was, or gone. */
  readonly next: AppliedSchedule | undefined;
}

export interface ApplyPlan {
  /** By name. */
  readonly changes: readonly ScheduleChange[];
  readonly warnings: readonly string[];
}

export interface ApplyQuestion {
  readonly current: readonly AppliedSchedule[];
  readonly wanted: readonly FleetSchedule[];
  /** Those of the fleet: what waits to be accepted goes by no schedule yet. */
  readonly machines: readonly Selectable[];
  readonly prune: boolean;
  readonly everyMachine: boolean;
  readonly nowMs: number;
}

/** @throws {LuksmithError} "usage" when one selects every machine, and that was not said */
export function planApply({ current, wanted, machines, prune, everyMachine, nowMs }: ApplyQuestion): ApplyPlan {
  const before = new Map(current.map((applied) => [applied.schedule.name, applied]));
  const after = new Map(wanted.map((schedule) => [schedule.name, schedule]));
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  const changes = names.map((name) =>
    changeOf(name, before.get(name), after.get(name), prune, nowMs, (selector) => countOf(machines, selector)),
  );
  if (!everyMachine) insistOnSome(changes, after, machines.length);
  return { changes, warnings: warningsOf(changes, after) };
}

function changeOf(
  name: string,
  before: AppliedSchedule | undefined,
  after: FleetSchedule | undefined,
  prune: boolean,
  nowMs: number,
  count: (selector: string) => number,
): ScheduleChange {
  if (after === undefined) {
    const schedule = before?.schedule;
    const fields = prune && schedule !== undefined ? differing(fieldsOf(schedule), []) : [];
    const kind = prune ? "deleted" : "left";
    return { kind, name, fields, machines: count(schedule?.selector ?? "all"), next: undefined };
  }
  const machines = count(after.selector);
  const fields = differing(before === undefined ? [] : fieldsOf(before.schedule), fieldsOf(after));
  if (before === undefined) {
    return { kind: "added", name, fields, machines, next: { schedule: after, sinceMs: nowMs, revision: 1 } };
  }
  if (fields.length === 0) return { kind: "unchanged", name, fields, machines, next: undefined };
  const sinceMs = isAnother(before.schedule, after) ? nowMs : before.sinceMs;
  return { kind: "changed", name, fields, machines, next: { schedule: after, sinceMs, revision: before.revision + 1 } };
}

/** Whether its moments, or what is done at them, are others: what the old ones missed is not made up for by the new ones. */
function isAnother(before: FleetSchedule, after: FleetSchedule): boolean {
  return (["cron", "timezone", "verb", "job", "volume"] as const).some((key) => before[key] !== after[key]);
}

function differing(before: readonly Field[], after: readonly Field[]): FieldChange[] {
  const old = new Map(before.map(({ name, value }) => [name, value]));
  const now = new Map(after.map(({ name, value }) => [name, value]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((field) => ({ field, before: old.get(field) ?? "", after: now.get(field) ?? "" }))
    .filter((change) => change.before !== change.after);
}

function countOf(machines: readonly Selectable[], text: string): number {
  const selector = Selector.parse(text);
  return machines.filter((machine) => selector.matches(machine)).length;
}

/** Only of those that begin to: what somebody has said once holds. */
function insistOnSome(
  changes: readonly ScheduleChange[],
  after: ReadonlyMap<string, FleetSchedule>,
  machines: number,
): void {
  const asking = changes.filter(({ kind, name, fields, machines: selected }) => {
    const schedule = after.get(name);
    const begins = kind === "added" || (kind === "changed" && fields.some(({ field }) => field === "selector"));
    return begins && schedule !== undefined && namesEveryMachine(Selector.parse(schedule.selector), selected, machines);
  });
  if (asking.length === 0) return;
  const names = asking.map(({ name }) => quoteText(name)).join(", ");
  const verb = asking.length === 1 ? "selects" : "select";
  throw new LuksmithError("usage", `${names} ${verb} every machine of the fleet, which has ${machines}`, {
    hint: "luksmith fleet apply --all-machines, if that is meant; otherwise a selector that says which",
  });
}

function warningsOf(changes: readonly ScheduleChange[], after: ReadonlyMap<string, FleetSchedule>): string[] {
  return changes.flatMap(({ name, machines }) => {
    const schedule = after.get(name);
    if (schedule === undefined) return [];
    const { selector, ping } = schedule;
    const none = `${name}: no machine fits ${quoteText(selector)}; luksmith fleet machines shows their labels`;
    const shared = `${name}: ${plural(machines, "machine")} would tell one address: put {machine} into ping`;
    return [
      ...(machines === 0 ? [none] : []),
      ...(machines > 1 && ping !== undefined && !ping.includes("{machine}") ? [shared] : []),
    ];
  });
}
