/** Applying a file of schedules: read, compared, and put down as a whole. */

import type { Clock } from "../../common/clock.ts";
import { lock } from "../store/lock.ts";
import { listMachineHeads } from "../store/machines.ts";
import { deleteSchedule, listSchedules, putSchedule } from "../store/schedules.ts";
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
  readonly by: string;
  /** What came of it is put down with it. */
  readonly record: (transaction: Database, plan: ApplyPlan) => Promise<void>;
}

/** @throws {LuksmithError} "config" with every fault of the text; "usage" when every machine is selected, and that was not said */
export async function applySchedules(store: Store, clock: Clock, options: ApplyOptions): Promise<ApplyPlan> {
  const wanted = readSchedules(options.text, options.fileName);
  const nowMs = clock.now().getTime();
  const plan = await store.transaction(async (transaction) => {
    if (!options.dryRun) await lock(transaction, "schedules");
    const heads = await listMachineHeads(transaction);
    const made = planApply({
      current: await listSchedules(transaction),
      wanted,
      machines: heads.filter(({ state }) => state === "active").map(({ name = "", labels }) => ({ name, labels })),
      prune: options.prune,
      everyMachine: options.everyMachine,
      nowMs,
    });
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
