import { plural } from "../../common/units.ts";
import {
  type ControllerServiceServer,
  type Schedule,
  type ScheduleChange,
  ScheduleChange_Kind,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { applySchedules } from "../schedule/apply.ts";
import { workOf } from "../schedule/assignments.ts";
import { nextOccurrence } from "../schedule/next-occurrence.ts";
import type { ApplyPlan, ScheduleChange as PlannedChange } from "../schedule/plan-apply.ts";
import { scheduleText } from "../schedule/written-form.ts";
import { Selector } from "../selector/selector.ts";
import { listMachineHeads } from "../store/machines.ts";
import { listSchedules, type StoredSchedule } from "../store/schedules.ts";
import { unary } from "./call.ts";
import { moment } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { given } from "./request-values.ts";
import { isSelected } from "./visible.ts";

type Handlers = Pick<ControllerServiceServer, "applySchedules" | "listSchedules">;

export function scheduleHandlers(parts: ControllerParts): Handlers {
  const { clock, operators, store } = parts;
  return {
    applySchedules: unary(parts, async ({ text, fileName, dryRun, prune, everyMachine, basis: seen }, peer) => {
      const how = [...(dryRun ? ["dry run"] : []), ...(prune ? ["prune"] : [])].join(", ");
      const by = await operators.authorize(peer, "applySchedules", how);
      const { changes, warnings, basis } = await applySchedules(store, clock, {
        text,
        fileName: given(fileName) ?? "schedules",
        prune,
        everyMachine,
        dryRun,
        basis: given(seen),
        by: by.name,
        record: async (transaction, plan) => {
          for (const line of recordOf(plan)) await operators.note(transaction, by, "applySchedules", ...line);
        },
      });
      return { changes: changes.map(changeMessage), warnings: [...warnings], applied: !dryRun, basis };
    }),

    listSchedules: unary(parts, async (_, peer) => {
      const operator = await operators.authorize(peer, "listSchedules");
      const stored = await listSchedules(store.database);
      const heads = (await listMachineHeads(store.database)).filter(
        (head) => head.state === "active" && operator.sees(head),
      );
      const nowMs = clock.now().getTime();
      const counted = stored.map((each) => {
        const selector = Selector.parse(each.schedule.selector);
        return { each, machines: heads.filter((head) => isSelected(selector, head)).length };
      });
      // one that is about none of the operator's machines tells of others'
      const told = counted.filter(({ machines }) => operator.isWholeFleet || machines > 0);
      // whoever has the address of a ping can say that all is well
      const withPing = operator.role === "admin" && operator.isWholeFleet;
      return { schedules: told.map(({ each, machines }) => scheduleMessage(each, machines, withPing, nowMs)) };
    }),
  };
}

/** One line for each schedule that changes, without what its fields are: an address of a ping is nobody's but an admin's. */
function recordOf({ changes }: ApplyPlan): [target: string, detail: string][] {
  return changes
    .filter(({ kind }) => kind === "added" || kind === "changed" || kind === "deleted")
    .map(({ name, kind, fields, machines }) => {
      const what = kind === "changed" ? `changed: ${fields.map(({ field }) => field).join(", ")}` : kind;
      return [name, `${what}; ${plural(machines, "machine")}`];
    });
}

const kinds = {
  added: ScheduleChange_Kind.ADDED,
  changed: ScheduleChange_Kind.CHANGED,
  unchanged: ScheduleChange_Kind.UNCHANGED,
  deleted: ScheduleChange_Kind.DELETED,
  left: ScheduleChange_Kind.LEFT,
} as const;

function changeMessage({ name, kind, fields, machines }: PlannedChange): ScheduleChange {
  return { schedule: name, kind: kinds[kind], fields: fields.map((field) => ({ ...field })), machines };
}

function scheduleMessage(
  { schedule, sinceMs, changedMs, changedBy }: StoredSchedule,
  machines: number,
  withPing: boolean,
  nowMs: number,
): Schedule {
  return {
    name: schedule.name,
    selector: schedule.selector,
    work: workOf(schedule),
    cron: schedule.cron,
    timezone: schedule.timezone ?? "",
    splayMs: schedule.splayMs,
    windows: schedule.windows.map((window) => ({ ...window, days: [...window.days] })),
    maxAgeMs: schedule.maxAgeMs ?? 0,
    maxConcurrent: schedule.maxConcurrent.fleet ?? 0,
    maxConcurrentPerBackupHost: schedule.maxConcurrent.perBackupHost ?? 0,
    machines,
    next: moment(nextOccurrence(schedule, Math.max(nowMs, sinceMs))),
    changedAt: moment(changedMs),
    changedBy,
    text: scheduleText(withPing ? schedule : { ...schedule, ping: undefined }),
  };
}
