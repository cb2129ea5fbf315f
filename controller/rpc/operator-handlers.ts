import { LuksmithError } from "../../common/errors.ts";
import type { ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import type { Credentials } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { FreshCertificate } from "../authority/authorities.ts";
import { listOperators, operatorExpiries } from "../store/operators.ts";
import { unary } from "./call.ts";
import { operatorMessage, roleOf } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";

type Handlers = Pick<ControllerServiceServer, "createOperator" | "listOperators" | "revokeOperator" | "renewOperator">;

export function operatorHandlers(parts: ControllerParts): Handlers {
  const { accounts, operators, store } = parts;
  const credentials = ({ certificate, trusted }: FreshCertificate): Credentials => ({
    certificate,
    authorities: trusted,
    addresses: [...parts.addresses],
  });
  return {
    createOperator: unary(parts, async ({ name, role: value, scope, certificateRequest }, peer) => {
      const role = roleOf(value);
      const words = [name, role ?? "?", ...(scope === "" ? [] : [scope])].join(" ");
      const by = await operators.authorize(peer, "createOperator", words);
      if (role === undefined) {
        throw new LuksmithError("usage", "which role is missing", { hint: "viewer, operator or admin" });
      }
      const { row, fresh } = await accounts.create({ name, role, scope, certificateRequest }, by.name);
      return { operator: operatorMessage(row, fresh.notAfter.getTime()), credentials: credentials(fresh) };
    }),

    listOperators: unary(parts, async (_, peer) => {
      await operators.authorize(peer, "listOperators");
      const rows = await listOperators(store.database);
      const expiries = await operatorExpiries(store.database);
      return { operators: rows.map((row) => operatorMessage(row, expiries.get(row.name))) };
    }),

    revokeOperator: unary(parts, async ({ name }, peer) => {
      await operators.authorize(peer, "revokeOperator", name);
      return { operator: operatorMessage(await accounts.revoke(name), undefined) };
    }),

    renewOperator: unary(parts, async ({ certificateRequest }, peer) => {
      const { name } = await operators.authorize(peer, "renewOperator");
      return { credentials: credentials(await accounts.renew(name, certificateRequest)) };
    }),
  };
}
