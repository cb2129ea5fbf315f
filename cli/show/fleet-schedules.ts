/** Schedules: those that there are, and what applying others would change. */

import { LuksmithError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import { escapeControls, quoteText } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import {
  type ApplySchedulesRequest,
  type ApplySchedulesResponse,
  type Schedule,
  type ScheduleChange,
  ScheduleChange_Kind,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { confirm } from "../confirm.ts";
import { withEveryMachine } from "../fleet/every-machine.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetApplyJson, fleetScheduleJson, scheduleChangeJson } from "../fleet/json.ts";
import { agoText, workText } from "../fleet/text.ts";
import type { Paint } from "../table.ts";
import { table } from "../table.ts";
import type { Style } from "../terminal.ts";

/** @param name of the one whose YAML is shown; empty: a list of all */
export async function showSchedules(session: FleetSession, name: string): Promise<void> {
  const { schedules } = await session.ask(session.fleet.listSchedules());
  if (name === "") {
    session.result(
      () => schedules.map(fleetScheduleJson),
      () => schedulesText(schedules, session.clock.now(), session.paint),
    );
    return;
  }
  const found = schedules.find((schedule) => schedule.name === name);
  if (found === undefined) {
    const near = nearest(
      name,
      schedules.map((schedule) => schedule.name),
    );
    throw new LuksmithError("not_found", `there is no schedule ${quoteText(name)}`, {
      hint: near === undefined ? "luksmith fleet schedules lists them" : `did you mean ${escapeControls(near)}?`,
    });
  }
  session.result(
    () => [fleetScheduleJson(found)],
    // its lines are those of a file, to be changed and applied again
    () => `${found.text.trimEnd().split("\n").map(escapeControls).join("\n")}\n`,
  );
}

export function schedulesText(schedules: readonly Schedule[], now: Date, paint: Paint): string {
  if (schedules.length === 0) return "there is no schedule: luksmith fleet apply -f FILE\n";
  const rows = schedules.map((schedule) => [
    schedule.name,
    schedule.selector,
    workText(schedule.work),
    [schedule.cron, schedule.timezone].filter((part) => part !== "").join(" "),
    { text: `${schedule.machines}`, align: "right" } as const,
    agoText(schedule.next, now),
    schedule.changedBy,
  ]);
  return table(["SCHEDULE", "MACHINES", "DOES", "WHEN", "COUNT", "NEXT", "CHANGED BY"], rows, paint);
}

export interface ApplyOptions {
  readonly dryRun: boolean;
  readonly prune: boolean;
  readonly everyMachine: boolean;
  /** Deletes without asking. */
  readonly yes: boolean;
}

/** @param fileName stands in front of each fault */
export async function applySchedules(
  session: FleetSession,
  { text, fileName }: { text: string; fileName: string },
  { dryRun, prune, everyMachine: isEveryMeant, yes }: ApplyOptions,
): Promise<void> {
  const request: ApplySchedulesRequest = { text, fileName, dryRun: true, prune, everyMachine: isEveryMeant, basis: "" };
  // to show what would be is no reason to ask
  const { answer: plan, everyMachine } = await withEveryMachine(session, isEveryMeant || dryRun, (every) =>
    session.fleet.applySchedules({ ...request, everyMachine: every }),
  );
  if (!session.json) session.terminal.out(planText(plan.changes, session.paint));
  for (const warning of plan.warnings) {
    session.notice(`${session.terminal.paintErr("yellow", "warning:")} ${escapeControls(warning)}`);
  }
  if (dryRun || !plan.changes.some(isChange)) return sayApplied(session, plan, dryRun);
  const deleted = plan.changes.filter(({ kind }) => kind === ScheduleChange_Kind.DELETED);
  if (deleted.length > 0 && !yes) {
    const question = `Delete ${plural(deleted.length, "schedule")}`;
    await confirm(
      session,
      question,
      "luksmith fleet apply -f FILE --prune --yes, or without --prune nothing is deleted",
    );
  }
  const answer = await session.ask(
    session.fleet.applySchedules({ ...request, dryRun: false, everyMachine, basis: plan.basis }),
  );
  sayApplied(session, answer, false);
}

function sayApplied(session: FleetSession, answer: ApplySchedulesResponse, dryRun: boolean): void {
  const changed = answer.changes.filter(isChange).length;
  session.result(
    () => [...answer.changes.map(scheduleChangeJson), fleetApplyJson(answer)],
    () => {
      if (changed === 0) return "nothing to change\n";
      return dryRun ? `${plural(changed, "change")}, not made\n` : `${plural(changed, "change")} made\n`;
    },
  );
}

function isChange({ kind }: ScheduleChange): boolean {
  const { ADDED, CHANGED, DELETED } = ScheduleChange_Kind;
  return kind === ADDED || kind === CHANGED || kind === DELETED;
}

const signs: Readonly<Record<number, readonly [sign: string, style: Style]>> = {
  [ScheduleChange_Kind.ADDED]: ["+", "green"],
  [ScheduleChange_Kind.CHANGED]: ["~", "yellow"],
  [ScheduleChange_Kind.DELETED]: ["-", "red"],
  [ScheduleChange_Kind.UNCHANGED]: ["=", "dim"],
  [ScheduleChange_Kind.LEFT]: [" ", "dim"],
};

/** A line for each schedule, with its sign in front, and below it a line for each field that changes. */
export function planText(changes: readonly ScheduleChange[], paint: Paint): string {
  return changes.map((change) => changeText(change, paint)).join("");
}

function changeText({ schedule, kind, fields, machines }: ScheduleChange, paint: Paint): string {
  const [sign, style] = signs[kind] ?? ["?", "dim"];
  const isGone = kind === ScheduleChange_Kind.DELETED;
  const count = isGone ? "" : `  ${plural(machines, "machine")}`;
  const left = kind === ScheduleChange_Kind.LEFT ? "  not in the file: --prune deletes it" : "";
  const head = paint(style, escapeControls(`${sign} ${schedule}${count}${left}`));
  const lines = fields.map(({ field, before, after }) => {
    const name = `    ${escapeControls(field)}: `;
    if (before === "") return name + paint("green", escapeControls(after));
    if (after === "") return name + paint("red", `${escapeControls(before)} is left out`);
    return `${name}${paint("red", escapeControls(before))} -> ${paint("green", escapeControls(after))}`;
  });
  return [head, ...lines].map((line) => `${line}\n`).join("");
}
