import type { FleetDispatch } from "../../proto/gen/luksmith/v1/controller.ts";
import type { StoredDispatch } from "../store/dispatches.ts";
import { listMachineHeads, type MachineHead } from "../store/machines.ts";
import { getRuns } from "../store/runs.ts";
import { dispatchMessage, runMessage } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { calledName } from "./visible.ts";

/** With the runs that came of them. @param heads undefined: they are looked up */
export async function dispatchMessages(
  { clock, store, view }: Pick<ControllerParts, "clock" | "store" | "view">,
  dispatches: readonly StoredDispatch[],
  heads?: ReadonlyMap<string, MachineHead>,
): Promise<FleetDispatch[]> {
  const machines = heads ?? new Map((await listMachineHeads(store.database)).map((head) => [head.id, head]));
  const keys = dispatches.flatMap(({ machineId, runId }) => (runId === undefined ? [] : [{ machineId, runId }]));
  const runs = new Map(
    (await getRuns(store.database, keys)).map((run) => [`${run.machineId} ${run.runId}`, run] as const),
  );
  const progress = keys.length === 0 ? new Map() : await view.progress();
  const nowMs = clock.now().getTime();
  return dispatches.map((dispatch) => {
    const head = machines.get(dispatch.machineId);
    const name = head === undefined ? dispatch.machineId : calledName(head);
    const run = runs.get(`${dispatch.machineId} ${dispatch.runId}`);
    return dispatchMessage(dispatch, name, run && runMessage(run, name, progress, nowMs));
  });
}
