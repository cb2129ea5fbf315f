/** EnrolmentService, and of FleetService what is about certificates. The gate has let strangers to the one, machines to the other. */

import { unary } from "../../common/grpc-call.ts";
import type { Log } from "../../common/log.ts";
import type { EnrolmentServiceServer, FleetServiceServer } from "../../proto/gen/luksmith/v1/fleet.ts";
import { parsePeer, requireKind } from "../listen/peer.ts";
import type { Enrolment } from "./enrolment.ts";

export function enrolmentService(enrolment: Enrolment, log: Log): EnrolmentServiceServer {
  return {
    enroll: unary(log, (request, peer) => enrolment.enroll(request, parsePeer(peer).address)),
  };
}

export function renewalHandlers(enrolment: Enrolment, log: Log): Pick<FleetServiceServer, "renewCertificate"> {
  return {
    renewCertificate: unary(log, async ({ certificateRequest }, peer) => ({
      credentials: await enrolment.renew(requireKind(peer, "machine").name, certificateRequest),
    })),
  };
}
