/** ControllerService: each handler says who may call it and hands on. Nothing is decided here. */

import type { ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import { alertHandlers } from "./alert-handlers.ts";
import { auditHandlers } from "./audit-handlers.ts";
import { authorityHandlers } from "./authority-handlers.ts";
import { controllerHandlers } from "./controller-handlers.ts";
import { dispatchHandlers } from "./dispatch-handlers.ts";
import { fleetHandlers } from "./fleet-handlers.ts";
import { listingHandlers } from "./listing-handlers.ts";
import { machineHandlers } from "./machine-handlers.ts";
import { operatorHandlers } from "./operator-handlers.ts";
import type { ControllerParts } from "./parts.ts";
import { runHandlers } from "./run-handlers.ts";
import { scheduleHandlers } from "./schedule-handlers.ts";
import { tokenHandlers } from "./token-handlers.ts";

export function controllerService(parts: ControllerParts): ControllerServiceServer {
  return {
    ...fleetHandlers(parts),
    ...tokenHandlers(parts),
    ...machineHandlers(parts),
    ...scheduleHandlers(parts),
    ...dispatchHandlers(parts),
    ...runHandlers(parts),
    ...listingHandlers(parts),
    ...alertHandlers(parts),
    ...operatorHandlers(parts),
    ...authorityHandlers(parts),
    ...controllerHandlers(parts),
    ...auditHandlers(parts),
  };
}
