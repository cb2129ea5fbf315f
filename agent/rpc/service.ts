/** AgentService: each handler says who may call it and hands on to the verb. Nothing is decided here. */

import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { accessHandlers } from "./access-handlers.ts";
import { adoptHandlers } from "./adopt-handlers.ts";
import type { Agent } from "./agent.ts";
import { browseHandlers } from "./browse-handlers.ts";
import { doctorHandlers } from "./doctor-handlers.ts";
import { fleetHandlers } from "./fleet-handlers.ts";
import { jobHandlers } from "./job-handlers.ts";
import { keyHandlers } from "./key-handlers.ts";
import { listingHandlers } from "./listing-handlers.ts";
import { lookingHandlers } from "./looking-handlers.ts";
import { remoteHandlers } from "./remote-handlers.ts";
import { runHandlers } from "./run-handlers.ts";
import { statusHandlers } from "./status-handlers.ts";
import { volumeHandlers } from "./volume-handlers.ts";

export function agentService(agent: Agent): AgentServiceServer {
  return {
    ...statusHandlers(agent),
    ...volumeHandlers(agent),
    ...adoptHandlers(agent),
    ...jobHandlers(agent),
    ...keyHandlers(agent),
    ...listingHandlers(agent),
    ...lookingHandlers(agent),
    ...runHandlers(agent),
    ...remoteHandlers(agent),
    ...doctorHandlers(agent),
    ...accessHandlers(agent),
    ...browseHandlers(agent),
    ...fleetHandlers(agent),
  };
}
