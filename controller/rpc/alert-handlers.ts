import type { ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import { viewAlerts } from "../store/fleet-view.ts";
import { unary } from "./call.ts";
import { alertMessage } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { calledName, selectorOf, visibleMachines } from "./visible.ts";

type Handlers = Pick<ControllerServiceServer, "listAlerts" | "testAlerts">;

/** What was resolved longer ago is history. */
const resolvedForMs = 7 * 86_400_000;

export function alertHandlers(parts: ControllerParts): Handlers {
  const { clock, operators, store, testChannels } = parts;
  return {
    listAlerts: unary(parts, async ({ selector, resolved }, peer) => {
      const operator = await operators.authorize(peer, "listAlerts");
      const { heads } = await visibleMachines(parts, operator, selectorOf(selector));
      const sinceMs = resolved ? clock.now().getTime() - resolvedForMs : undefined;
      const alerts = await viewAlerts(store.database, sinceMs);
      return {
        alerts: alerts.flatMap((alert) => {
          const head = heads.get(alert.machineId);
          return head === undefined ? [] : [alertMessage(alert, calledName(head))];
        }),
      };
    }),

    testAlerts: unary(parts, async ({ channel }, peer, gone) => {
      await operators.authorize(peer, "testAlerts", channel);
      return { results: await testChannels(channel, gone) };
    }),
  };
}
