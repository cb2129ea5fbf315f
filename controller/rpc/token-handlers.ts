import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import type { ControllerServiceServer, Token } from "../../proto/gen/luksmith/v1/controller.ts";
import { createToken } from "../enrol/create-token.ts";
import { findToken, listTokens, revokeToken, type TokenRow } from "../store/tokens.ts";
import { unary } from "./call.ts";
import { labelMessages, moment } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";
import { labelsOf } from "./request-values.ts";

type Handlers = Pick<ControllerServiceServer, "createToken" | "listTokens" | "revokeToken">;

export function tokenHandlers(parts: ControllerParts): Handlers {
  const { authorities, clock, operators, store } = parts;
  return {
    createToken: unary(parts, async ({ labels, ttlMs, uses, name, namePattern }, peer) => {
      const what = [name, namePattern, ...labels.map((label) => `${label.name}=${label.value}`)];
      const target = what.filter((word) => word !== "").join(" ");
      const by = await operators.authorize(peer, "createToken", target);
      const order = { labels: labelsOf(labels), ttlMs, uses, name, namePattern, createdBy: by.name };
      const { token, text } = await createToken(store.database, clock, order);
      const { old, next } = await authorities.state();
      return {
        token: tokenMessage(token),
        secret: text,
        addresses: [...parts.addresses],
        authorities: [old, ...(next === undefined ? [] : [next])].map(({ fingerprint }) => fingerprint),
      };
    }),

    listTokens: unary(parts, async (_, peer) => {
      await operators.authorize(peer, "listTokens");
      return { tokens: (await listTokens(store.database)).map(tokenMessage) };
    }),

    revokeToken: unary(parts, async ({ id }, peer) => {
      await operators.authorize(peer, "revokeToken", id);
      await revokeToken(store.database, id, clock.now().getTime());
      const token = await findToken(store.database, id);
      if (token !== undefined) return { token: tokenMessage(token) };
      throw new LuksmithError("not_found", `there is no token ${quoteText(id)}`, { hint: "luksmith fleet token list" });
    }),
  };
}

function tokenMessage(row: TokenRow): Token {
  return {
    id: row.id,
    labels: labelMessages(row.labels),
    createdAt: moment(row.createdMs),
    expiresAt: moment(row.expiresMs),
    uses: row.uses,
    usesLeft: row.usesLeft,
    createdBy: row.createdBy,
    name: row.name,
    namePattern: row.namePattern,
    revoked: row.revokedMs !== null,
  };
}
