import type { Controller, ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import { isAlive } from "../presence.ts";
import { type ControllerRow, listControllers, listRevokedControllers } from "../store/controllers.ts";
import { viewMachines } from "../store/fleet-view.ts";
import { unary } from "./call.ts";
import { moment } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";

type Handlers = Pick<ControllerServiceServer, "listControllers" | "revokeController">;

export function controllerHandlers(parts: ControllerParts): Handlers {
  const { clock, controllers, operators, store } = parts;
  return {
    listControllers: unary(parts, async (_, peer) => {
      await operators.authorize(peer, "listControllers");
      const rows = await listControllers(store.database);
      const revoked = await listRevokedControllers(store.database);
      const byController = Map.groupBy(await viewMachines(store.database), ({ controllerId }) => controllerId);
      const nowMs = clock.now().getTime();
      return {
        controllers: [
          ...rows.map((row) => servingMessage(row, byController.get(row.id)?.length ?? 0, nowMs)),
          ...revoked.map(({ id }) => revokedMessage(id)),
        ],
      };
    }),

    revokeController: unary(parts, async ({ id }, peer) => {
      const { name } = await operators.authorize(peer, "revokeController", id);
      return { controller: revokedMessage((await controllers.revoke(id, name)).id) };
    }),
  };
}

function servingMessage(row: ControllerRow, machines: number, nowMs: number): Controller {
  return {
    id: row.id,
    address: row.address,
    version: row.version,
    startedAt: moment(row.startedMs),
    lastSeen: moment(row.seenMs),
    machines,
    alive: isAlive(row, nowMs),
    revoked: false,
  };
}

function revokedMessage(id: string): Controller {
  const nothing = { address: "", version: "", startedAt: undefined, lastSeen: undefined, machines: 0 };
  return { id, ...nothing, alive: false, revoked: true };
}
