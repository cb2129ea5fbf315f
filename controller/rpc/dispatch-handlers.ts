import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import type { ControllerServiceServer, FleetDispatch } from "../../proto/gen/luksmith/v1/controller.ts";
import { requestDispatch } from "../dispatch/request-dispatch.ts";
import { fleetVerbOf } from "../schedule/fleet-verb.ts";
import { Selector } from "../selector/selector.ts";
import { finalStates, getDispatches, listDispatches, type StoredDispatch } from "../store/dispatches.ts";
import { changedDispatches } from "../store/fleet-view.ts";
import type { MachineHead } from "../store/machines.ts";
import { News } from "../store/news.ts";
import { serverStream, unary } from "./call.ts";
import { dispatchMessages } from "./dispatch-messages.ts";
import type { ControllerParts } from "./parts.ts";
import { given, listLimit } from "./request-values.ts";
import { selectorOf, visibleMachines } from "./visible.ts";

type Handlers = Pick<ControllerServiceServer, "dispatch" | "listDispatches" | "watchDispatches">;

const defaultLimit = 50;
/** A notice can be lost. */
const lookEveryMs = 2000;
/** However much there is news of, who watches is told so often. */
const shortestMs = 500;
/** Clocks of several controllers, and transactions that were long in the making. */
const marginMs = 10_000;

export function dispatchHandlers(parts: ControllerParts): Handlers {
  const { clock, dispatcher, operators, store } = parts;
  const { database } = store;
  return {
    dispatch: unary(parts, async ({ selector: text, work, expiresMs, everyMachine, dryRun }, peer) => {
      const verb = work === undefined ? undefined : fleetVerbOf(work.verb);
      const what = [verb ?? "?", work?.job, work?.volume, "on", text, dryRun ? "(dry run)" : ""];
      const target = what.filter((word) => word !== undefined && word !== "").join(" ");
      const operator = await operators.authorize(peer, "dispatch", target);
      const selector = Selector.parse(text);
      const { batch, plan, dispatches } = await requestDispatch(store, dispatcher, clock, {
        selector,
        work,
        expiresMs,
        everyMachine,
        dryRun,
        by: operator.name,
        sees: (machine) => operator.sees(machine),
      });
      const heads = new Map(plan.asked.map((machine): [string, MachineHead] => [machine.id, machine]));
      return {
        batch: dryRun ? "" : batch,
        dispatches: await dispatchMessages(parts, dispatches, heads),
        skipped: plan.skipped.map(({ machine, reason }) => ({
          machine: machine.name === "" ? machine.id : machine.name,
          reason,
        })),
      };
    }),

    listDispatches: unary(parts, async ({ batch, selector, limit }, peer) => {
      const operator = await operators.authorize(peer, "listDispatches");
      const { heads, ids } = await visibleMachines(parts, operator, selectorOf(selector));
      const filter = { batch: given(batch), machineIds: ids, limit: listLimit(limit, defaultLimit) };
      const found = await listDispatches(database, filter);
      if (batch !== "" && found.length === 0) {
        const all = await visibleMachines(parts, operator, Selector.all);
        if ((await listDispatches(database, { batch, machineIds: all.ids, limit: 1 })).length === 0)
          throw noSuchBatch(batch);
      }
      return { dispatches: await dispatchMessages(parts, found, heads) };
    }),

    watchDispatches: serverStream(parts, async ({ batch }, peer, stream) => {
      const operator = await operators.authorize(peer, "watchDispatches", batch);
      const { heads } = await visibleMachines(parts, operator, Selector.all);
      const isVisible = ({ machineId }: StoredDispatch) => heads.has(machineId);
      using news = new News(store.notices, "dispatch", clock);
      let lookedMs = clock.now().getTime();
      let found = (await listDispatches(database, { batch })).filter(isVisible);
      if (batch === "" || found.length === 0) throw noSuchBatch(batch);
      const open = new Set(found.map(({ id }) => id));
      const told = new Map<string, string>();
      const seen = new Map<string, number>();
      for (;;) {
        for (const dispatch of await dispatchMessages(parts, found, heads)) {
          const state = stateKey(dispatch);
          if (told.get(dispatch.id) === state) continue;
          told.set(dispatch.id, state);
          await stream.send({ dispatch });
        }
        for (const { id, state, changedMs } of found) {
          seen.set(id, changedMs);
          if (isFinal(state)) open.delete(id);
        }
        if (open.size === 0) return;
        await news.next(lookEveryMs, stream.gone);
        await clock.sleep(shortestMs, stream.gone);
        const sinceMs = lookedMs - marginMs;
        lookedMs = clock.now().getTime();
        const changed = await changedDispatches(database, batch, sinceMs);
        found = await getDispatches(
          database,
          changed.filter(({ id, changedMs }) => open.has(id) && seen.get(id) !== changedMs).map(({ id }) => id),
        );
      }
    }),
  };
}

function noSuchBatch(batch: string): LuksmithError {
  return new LuksmithError("not_found", `nothing was asked for as ${quoteText(batch)}`, {
    hint: "luksmith fleet dispatches lists what was",
  });
}

/** What somebody who watches would want to hear of again when it is another. */
function stateKey({ state, run }: FleetDispatch): string {
  return JSON.stringify([state, run?.run?.id, run?.run?.state]);
}

function isFinal(state: StoredDispatch["state"]): boolean {
  return finalStates.some((final) => final === state);
}
