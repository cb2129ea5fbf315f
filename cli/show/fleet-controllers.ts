/** The answer of ListControllers. */

import type { Controller } from "../../proto/gen/luksmith/v1/controller.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetControllerJson } from "../fleet/json.ts";
import { agoText } from "../fleet/text.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function showControllers(session: FleetSession): Promise<void> {
  const { controllers } = await session.ask(session.fleet.listControllers());
  session.result(
    () => controllers.map(fleetControllerJson),
    () => controllersText(controllers, session.clock.now(), session.paint),
  );
}

export function controllersText(controllers: readonly Controller[], now: Date, paint: Paint): string {
  const rows = controllers.map((controller): Cell[] => [
    controller.id,
    controller.alive ? { text: "alive", style: "green" } : { text: "away", style: "red" },
    controller.address,
    controller.version,
    { text: `${controller.machines}`, align: "right" },
    agoText(controller.startedAt, now),
    agoText(controller.lastSeen, now),
  ]);
  return table(["CONTROLLER", "STATE", "ADDRESS", "VERSION", "MACHINES", "STARTED", "LAST SEEN"], rows, paint);
}
