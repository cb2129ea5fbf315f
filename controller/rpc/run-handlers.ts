import { LuksmithError } from "../../common/errors.ts";
import type { ControllerServiceServer, FleetDispatch, FleetRun } from "../../proto/gen/luksmith/v1/controller.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { AuthorizedOperator } from "../operators/operators.ts";
import { followRun } from "../runs/follow-run.ts";
import { cancelDispatches, getDispatches, listDispatches, type StoredDispatch } from "../store/dispatches.ts";
import { getMachine, type Machine } from "../store/machines.ts";
import { getRun, listRuns, type StoredRun } from "../store/runs.ts";
import { requireAllowed } from "./allowed.ts";
import { serverStream, unary } from "./call.ts";
import { dispatchMessages } from "./dispatch-messages.ts";
import { runMessage } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { given, listLimit, momentMs } from "./request-values.ts";
import { calledName, selectorOf, visibleMachines } from "./visible.ts";
import { visibleRun } from "./visible-run.ts";

type Handlers = Pick<ControllerServiceServer, "listFleetRuns" | "watchFleetRun" | "cancelFleetRun">;

const defaultLimit = 50;

export function runHandlers(parts: ControllerParts): Handlers {
  const { clock, lines, operators, store, view } = parts;
  const { database } = store;
  const message = async (run: StoredRun, machine: Machine): Promise<FleetRun> =>
    runMessage(run, calledName(machine), await view.progress(), clock.now().getTime());

  /** Their machines are told by whichever controller has them. */
  const cancelThose = async (
    operator: AuthorizedOperator,
    those: readonly StoredDispatch[],
  ): Promise<FleetDispatch[]> => {
    const ids = those.map(({ id }) => id);
    const cancelled = await cancelDispatches(database, ids, operator.name, clock.now().getTime());
    for (const batch of new Set(cancelled.map((dispatch) => dispatch.batch))) store.notices.tell("dispatch", batch);
    return dispatchMessages(parts, await getDispatches(database, ids));
  };

  return {
    listFleetRuns: unary(parts, async ({ selector, job, schedule, states, since, limit }, peer) => {
      const operator = await operators.authorize(peer, "listFleetRuns");
      const { heads, ids } = await visibleMachines(parts, operator, selectorOf(selector));
      const runs = await listRuns(database, {
        machineIds: ids,
        job: given(job),
        schedule: given(schedule),
        states: states.filter((state) => state !== RunState.UNSPECIFIED),
        sinceMs: momentMs(since),
        limit: listLimit(limit, defaultLimit),
      });
      const progress = await view.progress();
      const nowMs = clock.now().getTime();
      return {
        runs: runs.flatMap((run) => {
          const head = heads.get(run.machineId);
          return head === undefined ? [] : [runMessage(run, calledName(head), progress, nowMs)];
        }),
      };
    }),

    watchFleetRun: serverStream(parts, async ({ run: text, follow }, peer, stream) => {
      const operator = await operators.authorize(peer, "watchFleetRun", text);
      const { run, machine } = await visibleRun(parts, operator, "watchFleetRun", text);
      await stream.send({ kind: { $case: "run", value: await message(run, machine) } });
      const events = followRun(
        store,
        clock,
        run,
        follow,
        (what, signal) => lines.ask(machine.id, { id: "", what, operator: operator.name }, signal),
        stream.gone,
      );
      for await (const event of events) await stream.send({ kind: { $case: "event", value: event } });
    }),

    cancelFleetRun: unary(parts, async ({ run: text }, peer) => {
      const operator = await operators.authorize(peer, "cancelFleetRun", text);
      const asked = await dispatchesCalled(text);
      const visible: StoredDispatch[] = [];
      const machines = new Map<string, Machine | undefined>();
      for (const dispatch of asked) {
        if (!machines.has(dispatch.machineId)) {
          machines.set(dispatch.machineId, await getMachine(database, dispatch.machineId));
        }
        const machine = machines.get(dispatch.machineId);
        if (machine !== undefined && operator.sees(machine)) visible.push(dispatch);
      }
      if (visible.length > 0) return { runs: [], dispatches: await cancelThose(operator, visible) };
      const { run, machine } = await visibleRun(parts, operator, "cancelFleetRun", text);
      if (run.state !== RunState.RUNNING) {
        throw new LuksmithError("usage", `${calledName(machine)}/${run.runId} has ended already`, {
          hint: "luksmith fleet runs shows how",
        });
      }
      requireAllowed(machine, "cancel");
      await lines.cancel(machine.id, { runId: run.runId, dispatchId: "", operator: operator.name });
      const now = (await getRun(database, machine.id, run.runId)) ?? run;
      return { runs: [await message(now, machine)], dispatches: [] };
    }),
  };

  async function dispatchesCalled(text: string): Promise<StoredDispatch[]> {
    // neither begins as a run does
    if (!text.includes("-") || text.includes("/")) return [];
    const found = await getDispatches(database, [text]);
    return found.length > 0 ? found : listDispatches(database, { batch: text });
  }
}
