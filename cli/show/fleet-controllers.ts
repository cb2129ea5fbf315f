/** The answer of ListControllers. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import type { Controller } from "../../proto/gen/luksmith/v1/controller.ts";
import { confirm } from "../confirm.ts";
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

export async function revokeController(session: FleetSession, id: string, yes: boolean): Promise<void> {
  if (!yes) {
    const question = `Revoke controller ${id}: nobody of the fleet believes it any more, for good`;
    await confirm(session, question, `luksmith fleet controller revoke ${id} --yes`);
  }
  const { controller } = await session.ask(session.fleet.revokeController({ id }));
  if (controller === undefined) throw new LuksmithError("internal", "the controller did not say which one that is");
  session.result(
    () => [fleetControllerJson(controller)],
    () => `${escapeControls(controller.id)} is revoked, and refused from now on\n`,
  );
}

export function controllersText(controllers: readonly Controller[], now: Date, paint: Paint): string {
  const rows = controllers.map((controller): Cell[] => [
    controller.id,
    stateCell(controller),
    controller.address,
    controller.version,
    { text: `${controller.machines}`, align: "right" },
    agoText(controller.startedAt, now),
    agoText(controller.lastSeen, now),
  ]);
  return table(["CONTROLLER", "STATE", "ADDRESS", "VERSION", "MACHINES", "STARTED", "LAST SEEN"], rows, paint);
}

function stateCell({ alive, revoked }: Controller): Cell {
  if (revoked) return { text: "revoked", style: "red" };
  return alive ? { text: "alive", style: "green" } : { text: "away", style: "red" };
}
