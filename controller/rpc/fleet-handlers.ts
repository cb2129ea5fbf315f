import { pause } from "../../common/clock.ts";
import type {
  ControllerServiceServer,
  GetFleetResponse,
  WatchFleetResponse,
} from "../../proto/gen/luksmith/v1/controller.ts";
import type { AuthorizedOperator } from "../operators/operators.ts";
import { Selector } from "../selector/selector.ts";
import { operatorExpiries } from "../store/operators.ts";
import { everyMs, type FleetGlance } from "../view/fleet-view.ts";
import { serverStream, unary } from "./call.ts";
import { alertMessage, dispatchMessage, moment, operatorMessage, runMessage } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { calledName, isSelected, selectorOf } from "./visible.ts";

type Handlers = Pick<ControllerServiceServer, "getFleet" | "watchFleet">;

/** More than that no screen shows. */
const longestList = 500;

export function fleetHandlers(parts: ControllerParts): Handlers {
  const { clock, operators, store, view } = parts;
  return {
    getFleet: unary(parts, async (_, peer) => {
      const operator = await operators.authorize(peer, "getFleet");
      const expiries = await operatorExpiries(store.database);
      return fleetMessage(parts, operator, await view.now(), Selector.all, expiries.get(operator.name));
    }),

    watchFleet: serverStream(parts, async ({ selector: text }, peer, stream) => {
      const operator = await operators.authorize(peer, "watchFleet", text);
      const selector = selectorOf(text);
      const expiries = await operatorExpiries(store.database);
      while (!stream.gone.aborted) {
        const glance = await view.now();
        await stream.send(viewMessage(parts, operator, glance, selector, expiries.get(operator.name)));
        await pause(clock, everyMs, stream.gone);
      }
    }),
  };
}

function viewMessage(
  parts: ControllerParts,
  operator: AuthorizedOperator,
  glance: FleetGlance,
  selector: Selector,
  expiresMs: number | undefined,
): WatchFleetResponse {
  const nameOf = namesFor(operator, glance, selector);
  const runs = (those: FleetGlance["running"]) =>
    those
      .flatMap((run) => {
        const name = nameOf(run.machineId);
        return name === undefined ? [] : [runMessage(run, name, glance.progress, glance.timeMs)];
      })
      .slice(0, longestList);
  return {
    fleet: fleetMessage(parts, operator, glance, selector, expiresMs),
    running: runs(glance.running),
    queued: glance.waiting
      .flatMap((dispatch) => {
        const name = nameOf(dispatch.machineId);
        return name === undefined ? [] : [dispatchMessage(dispatch, name, undefined)];
      })
      .slice(0, longestList),
    failing: runs(glance.failing),
    overdue: glance.alerts
      .filter(({ kind }) => kind === "overdue")
      .flatMap((alert) => {
        const name = nameOf(alert.machineId);
        return name === undefined ? [] : [alertMessage(alert, name)];
      })
      .slice(0, longestList),
  };
}

/** What is counted is what the operator sees. */
function fleetMessage(
  { controllerId, version }: ControllerParts,
  operator: AuthorizedOperator,
  glance: FleetGlance,
  selector: Selector,
  expiresMs: number | undefined,
): GetFleetResponse {
  const machines = [...glance.machines.values()].filter(
    (machine) => machine.state !== "revoked" && operator.sees(machine) && isSelected(selector, machine),
  );
  const ids = new Set(machines.map(({ id }) => id));
  const sum = (counts: ReadonlyMap<string, number>) =>
    machines.reduce((total, { id }) => total + (counts.get(id) ?? 0), 0);
  const alerts = glance.alerts.filter(({ machineId }) => ids.has(machineId));
  return {
    version,
    controller: controllerId,
    operator: operatorMessage(operator.row, expiresMs),
    machines: machines.length,
    connected: machines.filter((machine) => machine.controllerId !== undefined).length,
    pending: machines.filter(({ state }) => state === "pending").length,
    running: sum(glance.runningCounts),
    queued: sum(glance.waitingCounts),
    overdue: alerts.filter(({ kind }) => kind === "overdue").length,
    alerts: alerts.filter(({ state }) => state === "firing").length,
    time: moment(glance.timeMs),
  };
}

/** What a machine is called; undefined for one that is not to be seen. */
function namesFor(operator: AuthorizedOperator, { machines }: FleetGlance, selector: Selector) {
  return (id: string): string | undefined => {
    const machine = machines.get(id);
    if (machine === undefined || machine.state === "revoked") return undefined;
    return operator.sees(machine) && isSelected(selector, machine) ? calledName(machine) : undefined;
  };
}
