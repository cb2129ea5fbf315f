/** Alerts, and whether anybody would hear of one. */

import { LuksmithError } from "../../common/errors.ts";
import { plural } from "../../common/units.ts";
import {
  type Alert,
  AlertState,
  type ChannelResult,
  type ListAlertsRequest,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { enumName } from "../enum-name.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetAlertJson, fleetChannelJson } from "../fleet/json.ts";
import { localTime } from "../local-time.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function showAlerts(session: FleetSession, request: ListAlertsRequest): Promise<void> {
  const { alerts } = await session.ask(session.fleet.listAlerts(request));
  session.result(
    () => alerts.map(fleetAlertJson),
    () => alertsText(alerts, session.paint),
  );
}

export function alertsText(alerts: readonly Alert[], paint: Paint): string {
  if (alerts.length === 0) return "no alert\n";
  return table(
    ["STATE", "SINCE", "KIND", "MACHINE", "JOB", "MESSAGE", "TOLD"],
    alerts.map((alert) => [
      stateOf(alert),
      localTime(alert.since),
      alert.kind,
      alert.machine || "-",
      alert.job || "-",
      alert.message,
      alert.notified === 0 ? "nobody yet" : plural(alert.notified, "time"),
    ]),
    paint,
  );
}

function stateOf({ state }: Alert): Cell {
  const text = enumName(AlertState, state);
  if (state === AlertState.FIRING) return { text, style: "red" };
  return { text, style: state === AlertState.PENDING ? "yellow" : "dim" };
}

/** @throws {LuksmithError} "unhealthy" when a message has not been delivered */
export async function testAlerts(session: FleetSession, channel: string): Promise<void> {
  const { results } = await session.waitFor("sending", session.fleet.testAlerts({ channel }));
  session.result(
    () => results.map(fleetChannelJson),
    () => channelsText(results, session.paint),
  );
  const failed = results.filter(({ delivered }) => !delivered);
  if (failed.length === 0) return;
  throw new LuksmithError("unhealthy", `${plural(failed.length, "channel")} of ${results.length} did not deliver`, {
    hint: "they are below `alerts` in /etc/luksmith/controller.yaml on the controller",
  });
}

export function channelsText(results: readonly ChannelResult[], paint: Paint): string {
  if (results.length === 0) {
    return "no channel is configured: nobody would hear of an alert\n";
  }
  const rows = results.map(({ channel, delivered, detail }): Cell[] => [
    channel,
    delivered ? { text: "delivered", style: "green" } : { text: "not delivered", style: "red" },
    detail,
  ]);
  return table(["CHANNEL", "RESULT", "DETAIL"], rows, paint);
}
