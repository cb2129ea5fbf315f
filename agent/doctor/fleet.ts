/** Whether the machine is one of a fleet, and whether its controller is there. */

import { formatDuration } from "../../common/units.ts";
import {
  type Finding,
  type FleetConnection,
  FleetConnection_State as State,
} from "../../proto/gen/luksmith/v1/agent.ts";
import { ok, problem, warning } from "./finding.ts";

/** A controller that is started anew is back by then. */
const patienceMs = 15 * 60_000;

export function examineFleet(fleet: FleetConnection, now: Date): Finding {
  const { state, since, controller, address, error } = fleet;
  switch (state) {
    case State.NOT_ENROLLED:
      return ok("fleet", "this machine is in none");
    case State.CONNECTED:
      return ok("fleet", `connected to ${controller} at ${address} for ${formatDuration(ageMs(since, now))}`);
    case State.UNUSABLE:
      return problem("fleet", error?.message ?? "the controller cannot be reached", error?.hint ?? "");
    default: {
      const why = error === undefined ? `connecting to ${address}` : error.message;
      const awayMs = ageMs(since, now);
      const hint = error?.hint || "schedules go on, and runs are reported when it is there again";
      return awayMs < patienceMs
        ? warning("fleet", why, hint)
        : problem("fleet", `${why}; away for ${formatDuration(awayMs)}`, hint);
    }
  }
}

function ageMs(since: Date | undefined, now: Date): number {
  return since === undefined ? 0 : Math.max(0, now.getTime() - since.getTime());
}
