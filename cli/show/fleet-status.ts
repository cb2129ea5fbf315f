/** The answer of GetFleet. */

import { escapeControls } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import { type GetFleetResponse, Role } from "../../proto/gen/luksmith/v1/controller.ts";
import { enumName } from "../enum-name.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetJson } from "../fleet/json.ts";
import { localTime } from "../local-time.ts";
import type { Paint } from "../table.ts";

export async function showFleetStatus(session: FleetSession): Promise<void> {
  const fleet = await session.ask(session.fleet.getFleet());
  session.result(
    () => [fleetJson(fleet)],
    () => fleetStatusText(fleet, session.paint),
  );
}

export function fleetStatusText(fleet: GetFleetResponse, paint: Paint): string {
  const { operator } = fleet;
  const who =
    operator === undefined
      ? "not known"
      : `${operator.name}, ${enumName(Role, operator.role)} for ${operator.scope || "every machine"}, ` +
        `until ${localTime(operator.expiresAt)}`;
  const away = fleet.machines - fleet.connected;
  const bad = (count: number, text: string) => (count === 0 ? text : paint("red", text));
  const lines: [string, string][] = [
    ["controller", `${escapeControls(fleet.controller)}, luksmith ${escapeControls(fleet.version)}`],
    ["you are", escapeControls(who)],
    [
      "machines",
      `${plural(fleet.machines, "machine")}, ${fleet.connected} connected${away > 0 ? `, ${away} away` : ""}`,
    ],
    ["runs", `${fleet.running} running, ${fleet.queued} queued`],
    ["overdue", bad(fleet.overdue, `${fleet.overdue}`)],
    ["alerts", bad(fleet.alerts, `${fleet.alerts}`) + (fleet.alerts > 0 ? ": luksmith fleet alerts" : "")],
  ];
  if (fleet.pending > 0) {
    const text = `${plural(fleet.pending, "machine waits", "machines wait")} to be accepted: luksmith fleet machines`;
    lines.splice(3, 0, ["pending", paint("yellow", text)]);
  }
  return lines.map(([name, text]) => `${name.padEnd(12)}${text}\n`).join("");
}
