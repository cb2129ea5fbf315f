/** Making a token. Who may is for the caller to say, and what labels may be called. */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { isMachineNameTaken } from "../store/enrolled-machine.ts";
import type { Database } from "../store/schema.ts";
import { insertToken, type TokenRow } from "../store/tokens.ts";
import { requireMachineName, requireNamePattern } from "./machine-name.ts";
import { hashOfSecret, newToken } from "./token.ts";

export interface TokenOrder {
  readonly labels: Readonly<Record<string, string>>;
  readonly ttlMs: number;
  readonly uses: number;
  /** Empty where there is none. */
  readonly name: string;
  readonly namePattern: string;
  /** The operator. */
  readonly createdBy: string;
}

const shortestMs = 60_000;
/** One that lies about for longer is found by somebody else. */
const longestMs = 30 * 24 * 3_600_000;
const mostUses = 100_000;

/**
 * @returns the row, and the text that is told once
 * @throws {LuksmithError} "usage"; "exists" when a machine has the name
 */
export async function createToken(
  database: Database,
  clock: Clock,
  order: TokenOrder,
): Promise<{ token: TokenRow; text: string }> {
  const { labels, ttlMs, uses, name, namePattern, createdBy } = order;
  if (!(ttlMs >= shortestMs && ttlMs <= longestMs)) throw usage("a token lives for 1 minute to 30 days", "--ttl 30m");
  if (!(Number.isInteger(uses) && uses >= 1 && uses <= mostUses)) {
    throw usage(`a token has 1 to ${mostUses} uses`, "--uses 1");
  }
  if (name !== "" && namePattern !== "")
    throw usage("a token has a name or a pattern of names, not both", "--name web1");
  if (name !== "" && uses !== 1) throw usage("a name is one machine's: a token with one has one use", "--uses 1");
  if (name !== "") requireMachineName(name);
  if (namePattern !== "") requireNamePattern(namePattern);
  if (name !== "" && (await isMachineNameTaken(database, name))) {
    throw new LuksmithError("exists", `the fleet has a machine ${name} already`, {
      hint: `luksmith fleet revoke ${name}, then luksmith fleet forget ${name}; or another name`,
    });
  }
  const { id, secret, text } = newToken();
  const createdMs = clock.now().getTime();
  const token: TokenRow = {
    ...{ id, hash: hashOfSecret(secret), labels, createdMs, createdBy, expiresMs: createdMs + ttlMs },
    ...{ uses, usesLeft: uses, name, namePattern, revokedMs: null },
  };
  await insertToken(database, token);
  return { token, text };
}

function usage(message: string, hint: string): LuksmithError {
  return new LuksmithError("usage", message, { hint: `luksmith fleet token create ${hint}` });
}
