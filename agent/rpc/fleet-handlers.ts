import { LuksmithError } from "../../common/errors.ts";
import { unary } from "../../common/grpc-call.ts";
import { quoteText } from "../../common/quote.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { enrol } from "../fleet/enrol.ts";
import type { Agent } from "./agent.ts";

type Handlers = Pick<AgentServiceServer, "joinFleet" | "leaveFleet">;

const enrolDeadlineMs = 150_000;

export function fleetHandlers({ access, host, identity }: Agent): Handlers {
  const { log } = host;
  return {
    joinFleet: unary(log, async ({ addresses, token, authorities: pins, replace }, peer, gone) => {
      // the token is a secret, and stands nowhere
      await access.authorizeRoot(peer, "enroll", `at ${addresses.map(quoteText).join(", ")}${replace ? ", anew" : ""}`);
      const signal = AbortSignal.any([gone, AbortSignal.timeout(enrolDeadlineMs)]);
      const enrolled = await enrol(identity, { addresses, token, pins, replace }, signal);
      log.info({ machine: enrolled.machineId, name: enrolled.name, address: enrolled.address }, "enrolled in a fleet");
      return enrolled;
    }),

    leaveFleet: unary(log, async (_request, peer) => {
      await access.authorizeRoot(peer, "leave", "the fleet's key and certificate removed");
      const machineId = await identity.forget();
      if (machineId === undefined) throw new LuksmithError("not_found", "the machine is in no fleet");
      log.info({ machine: machineId }, "the machine has left its fleet");
      return { machineId };
    }),
  };
}
