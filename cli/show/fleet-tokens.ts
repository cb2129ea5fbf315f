/** Join tokens: the one time that a new one is shown, and those that there are. */

import { LuksmithError } from "../../common/errors.ts";
import { showPin } from "../../common/fleet/pin.ts";
import { escapeControls } from "../../common/quote.ts";
import type { CreateTokenRequest, CreateTokenResponse, Token } from "../../proto/gen/luksmith/v1/controller.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetTokenJson } from "../fleet/json.ts";
import { agoText, labelsText } from "../fleet/text.ts";
import { localTime } from "../local-time.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function createToken(session: FleetSession, request: CreateTokenRequest): Promise<void> {
  const answer = await session.ask(session.fleet.createToken(request));
  const { token } = answer;
  if (token === undefined) throw new LuksmithError("internal", "the controller made no token");
  const line = enrolLine(answer);
  session.result(
    () => [fleetTokenJson(token, { secret: answer.secret, line })],
    () => `${line}\n`,
  );
  const uses = token.uses === 1 ? "one machine" : `${token.uses} machines`;
  session.notice(
    `type it as root on the machine, before ${localTime(token.expiresAt)}; the token is for ${uses}, and shown this once\n` +
      confirmation(token),
  );
}

/** What is typed on the machine. Nothing in it has a meaning for a shell. @throws {LuksmithError} "internal" */
export function enrolLine({ secret, addresses, authorities }: CreateTokenResponse): string {
  const words = [
    "luksmith",
    "enroll",
    // around an IPv6 address are brackets, which some shells take for a pattern
    ...addresses.map((address) => (address.startsWith("[") ? `'${address}'` : address)),
    "--token",
    secret,
    // while the authority is changed there are two, and a machine believes either
    ...authorities.flatMap((fingerprint) => ["--ca", showPin(fingerprint)]),
  ];
  if (
    addresses.length > 0 &&
    authorities.length > 0 &&
    words.every((word) => /^('\[[0-9a-fA-F:.]+\]:\d+'|[A-Za-z0-9:._-]+)$/.test(word))
  ) {
    return words.join(" ");
  }
  throw new LuksmithError("internal", "the controller sent what is no token, address or fingerprint");
}

function confirmation({ name, namePattern }: Token): string {
  if (name !== "") return `the machine will be called ${escapeControls(name)}`;
  if (namePattern === "") return "its name has to be confirmed then: luksmith fleet machines, luksmith fleet accept";
  return `it may have its host name if that fits ${escapeControls(namePattern)}`;
}

export async function showTokens(session: FleetSession): Promise<void> {
  const { tokens } = await session.ask(session.fleet.listTokens());
  session.result(
    () => tokens.map((token) => fleetTokenJson(token)),
    () => tokensText(tokens, session.clock.now(), session.paint),
  );
}

export function tokensText(tokens: readonly Token[], now: Date, paint: Paint): string {
  if (tokens.length === 0) return "there is no token: luksmith fleet token create\n";
  const rows = tokens.map((token) => [
    token.id,
    tokenState(token, now),
    labelsText(token.labels),
    token.name || token.namePattern || "to be confirmed",
    `${token.usesLeft} of ${token.uses}`,
    token.createdBy,
    agoText(token.expiresAt, now),
  ]);
  return table(["TOKEN", "STATE", "LABELS", "NAMES", "LEFT", "MADE BY", "EXPIRES"], rows, paint);
}

function tokenState({ revoked, expiresAt, usesLeft }: Token, now: Date): Cell {
  if (revoked) return { text: "revoked", style: "red" };
  if (expiresAt !== undefined && expiresAt <= now) return "expired";
  return usesLeft === 0 ? "used" : { text: "valid", style: "green" };
}

export async function revokeToken(session: FleetSession, id: string): Promise<void> {
  const { token } = await session.ask(session.fleet.revokeToken({ id }));
  if (token === undefined) throw new LuksmithError("internal", "the controller did not say which token that is");
  session.result(
    () => [fleetTokenJson(token)],
    () => `token ${escapeControls(token.id)} is good for nothing any more; machines that came with it stay\n`,
  );
}
