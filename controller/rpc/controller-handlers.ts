import type { ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import { isAlive } from "../presence.ts";
import { listControllers } from "../store/controllers.ts";
import { viewMachines } from "../store/fleet-view.ts";
import { unary } from "./call.ts";
import { moment } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";

export function controllerHandlers(parts: ControllerParts): Pick<ControllerServiceServer, "listControllers"> {
  const { clock, operators, store } = parts;
  return {
    listControllers: unary(parts, async (_, peer) => {
      await operators.authorize(peer, "listControllers");
      const rows = await listControllers(store.database);
      const byController = Map.groupBy(await viewMachines(store.database), ({ controllerId }) => controllerId);
      const nowMs = clock.now().getTime();
      return {
        controllers: rows.map((row) => ({
          id: row.id,
          address: row.address,
          version: row.version,
          startedAt: moment(row.startedMs),
          lastSeen: moment(row.seenMs),
          machines: byController.get(row.id)?.length ?? 0,
          alive: isAlive(row, nowMs),
        })),
      };
    }),
  };
}
