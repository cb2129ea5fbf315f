/**
 * What a machine enrols with: `lsm_ID_SECRET`. The id is for people and the store; of the secret the store has a hash, which is enough
 * to compare and of no use to whoever reads it: the secret is random, so nobody finds it by trying.
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Enough for ids never to meet, and short enough to be read out. */
const idBytes = 6;
/** 192 bits. */
const secretBytes = 24;
const tokenPattern = /^lsm_([0-9a-f]{12})_([0-9a-f]{48})$/;

export interface TokenParts {
  readonly id: string;
  readonly secret: string;
}

export function newToken(): TokenParts & { readonly text: string } {
  const id = randomBytes(idBytes).toString("hex");
  const secret = randomBytes(secretBytes).toString("hex");
  return { id, secret, text: `lsm_${id}_${secret}` };
}

/** @returns undefined for what is no token */
export function parseToken(text: string): TokenParts | undefined {
  const [, id, secret] = tokenPattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function hashOfSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** As the store has it. */
export interface TokenState {
  readonly hash: Uint8Array;
  readonly expiresMs: number;
  readonly usesLeft: number;
  readonly revokedMs: number | null;
}

/** For the log and the audit alone: whoever asked is told the same, whichever it was. */
export type TokenFault = "malformed" | "unknown" | "forged" | "revoked" | "expired" | "used up";

/** What is wrong with a token that somebody has shown, if anything. Pure. */
export function tokenFault(
  parts: TokenParts | undefined,
  state: TokenState | undefined,
  nowMs: number,
): TokenFault | undefined {
  if (parts === undefined) return "malformed";
  if (state === undefined) return "unknown";
  const shown = hashOfSecret(parts.secret);
  const stored = Buffer.from(state.hash);
  // before anything is said of a token whose secret somebody does not know
  if (stored.length !== shown.length || !timingSafeEqual(stored, shown)) return "forged";
  if (state.revokedMs !== null) return "revoked";
  if (nowMs >= state.expiresMs) return "expired";
  return state.usesLeft > 0 ? undefined : "used up";
}
