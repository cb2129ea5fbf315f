import type { ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import { listAudit } from "../store/audit.ts";
import { unary } from "./call.ts";
import { moment } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { given, listLimit, momentMs } from "./request-values.ts";

const defaultLimit = 100;

export function auditHandlers(parts: ControllerParts): Pick<ControllerServiceServer, "listFleetAudit"> {
  const { operators, store } = parts;
  return {
    listFleetAudit: unary(parts, async ({ limit, operator, since }, peer) => {
      await operators.authorize(peer, "listFleetAudit");
      const lines = await listAudit(store.database, {
        operator: given(operator),
        sinceMs: momentMs(since),
        limit: listLimit(limit, defaultLimit),
      });
      return { entries: lines.map(({ timeMs, ...line }) => ({ ...line, time: moment(timeMs) })) };
    }),
  };
}
