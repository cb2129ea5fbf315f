/** Applying a file of schedules: read, compared, and put down as a whole. */

import { createHash } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { lock } from "../store/lock.ts";
import { listMachineHeads } from "../store/machines.ts";
import { deleteSchedule, listSchedules, putSchedule, type StoredSchedule } from "../store/schedules.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { type ApplyPlan, planApply } from "./plan-apply.ts";
import { readSchedules } from "./schedule-file.ts";

export interface ApplyOptions {
  readonly text: string;
  /** Stands in front of each fault. */
  readonly fileName: string;
  readonly prune: boolean;
  readonly everyMachine: boolean;
  readonly dryRun: boolean;
  /** Of the plan that somebody has seen; undefined: whatever the schedules are by now. */
  readonly basis: string | undefined;
  readonly by: string;
  /** What came of it is put down with it. */
  readonly record: (transaction: Database, plan: ApplyPlan) => Promise<void>;
}

export interface BasedPlan extends ApplyPlan {
  /** What there was. */
  readonly basis: string;
}

/**
 * @throws {LuksmithError} "config" with every fault of the text; "usage" when every machine is selected, and that was not said; "locked"
 * when the schedules are not those that were shown
 */
export async function applySchedules(store: Store, clock: Clock, options: ApplyOptions): Promise<BasedPlan> {
  const wanted = readSchedules(options.text, options.fileName);
  const nowMs = clock.now().getTime();
  const plan = await store.transaction(async (transaction) => {
    if (!options.dryRun) await lock(transaction, "schedules");
    const current = await listSchedules(transaction);
    const basis = basisOf(current);
    if (options.basis !== undefined && options.basis !== basis) throw othersByNow();
    const heads = await listMachineHeads(transaction);
    const changes = planApply({
      current,
      wanted,
      machines: heads.filter(({ state }) => state === "active").map(({ name = "", labels }) => ({ name, labels })),
      prune: options.prune,
      everyMachine: options.everyMachine,
      nowMs,
    });
    const made = { ...changes, basis };
    if (options.dryRun) return made;
    for (const { kind, name, next } of made.changes) {
      if (next !== undefined) await putSchedule(transaction, { ...next, changedMs: nowMs, changedBy: options.by });
      if (kind === "deleted") await deleteSchedule(transaction, name);
    }
    await options.record(transaction, made);
    return made;
  });
  const isChange = plan.changes.some(({ kind, next }) => next !== undefined || kind === "deleted");
  if (isChange && !options.dryRun) store.notices.tell("schedules", "");
  return plan;
}

/** Another one when anything about them is another. */
function basisOf(schedules: readonly StoredSchedule[]): string {
  const states = schedules.map(({ schedule, revision, changedMs }) => [schedule.name, revision, changedMs]);
  return createHash("sha256").update(JSON.stringify(states.toSorted())).digest("hex");
}

function othersByNow(): LuksmithError {
  return new LuksmithError("locked", "somebody has changed the schedules since these changes were shown", {
    hint: "apply the file again: what it changes now is shown first",
  });
}
