/** Asking machines for something now. */

import { randomBytes, randomUUID } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { Selector } from "../selector/selector.ts";
import type { StoredDispatch } from "../store/dispatches.ts";
import { listMachineOffers, type MachineOffer } from "../store/machines.ts";
import type { Store } from "../store/store.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { checkWork, type DispatchPlan, planDispatch } from "./plan-dispatch.ts";

export interface DispatchOrder {
  readonly selector: Selector;
  readonly work: Work | undefined;
  /** 0: a day. */
  readonly expiresMs: number;
  readonly everyMachine: boolean;
  readonly dryRun: boolean;
  readonly by: string;
  /** Whom the operator may know of. */
  readonly sees: (machine: MachineOffer) => boolean;
}

export interface RequestedDispatches {
  readonly batch: string;
  readonly plan: DispatchPlan<MachineOffer & { readonly name: string }>;
  /** Of each that is asked. Nowhere but here, in a dry run. */
  readonly dispatches: readonly StoredDispatch[];
}

const dayMs = 86_400_000;
const longestWaitMs = 31 * dayMs;
const batchBytes = 5;

/** @throws {LuksmithError} "usage", "not_found" as {@link planDispatch} */
export async function requestDispatch(
  store: Store,
  dispatcher: Pick<Dispatcher, "add">,
  clock: Clock,
  order: DispatchOrder,
): Promise<RequestedDispatches> {
  const checked = checkWork(order.work);
  if (order.expiresMs > longestWaitMs) {
    throw new LuksmithError("usage", "nothing waits for a machine for longer than 31 days", { hint: "--expires 7d" });
  }
  const all = await listMachineOffers(store.database);
  const visible = all.filter(order.sees).map((machine) => ({ ...machine, name: machine.name ?? "" }));
  const plan = planDispatch(checked, order.selector, visible, order.everyMachine);
  const createdMs = clock.now().getTime();
  // no run's id begins so
  const batch = `b-${randomBytes(batchBytes).toString("hex")}`;
  const dispatches = plan.asked.map(
    ({ id }): StoredDispatch => ({
      id: randomUUID(),
      batch,
      machineId: id,
      work: checked.work,
      createdMs,
      createdBy: order.by,
      expiresMs: createdMs + (order.expiresMs === 0 ? dayMs : order.expiresMs),
      state: "queued",
      changedMs: createdMs,
      runId: undefined,
      error: undefined,
      cancelledBy: undefined,
    }),
  );
  if (!order.dryRun && dispatches.length > 0) await dispatcher.add(dispatches);
  return { batch, plan, dispatches };
}
