/** Operators of the fleet, and making one: the key is made here, and the controller never sees it. */

import { LuksmithError } from "../../common/errors.ts";
import { showName } from "../../common/file-name.ts";
import { makeKeyAndRequest } from "../../common/fleet/certificate-request.ts";
import { operatorFileText } from "../../common/fleet/operator-file.ts";
import { escapeControls } from "../../common/quote.ts";
import { type Operator, Role } from "../../proto/gen/luksmith/v1/controller.ts";
import { confirm } from "../confirm.ts";
import { enumName } from "../enum-name.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetOperatorJson } from "../fleet/json.ts";
import { NewFile } from "../fleet/new-file.ts";
import { issuedTo } from "../fleet/renewal.ts";
import { agoText } from "../fleet/text.ts";
import { localTime } from "../local-time.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function showOperators(session: FleetSession): Promise<void> {
  const { operators } = await session.ask(session.fleet.listOperators());
  session.result(
    () => operators.map((operator) => fleetOperatorJson(operator)),
    () => operatorsText(operators, session.clock.now(), session.paint),
  );
}

export function operatorsText(operators: readonly Operator[], now: Date, paint: Paint): string {
  if (operators.length === 0) return "there is no operator\n";
  const rows = operators.map((operator): Cell[] => [
    operator.name,
    enumName(Role, operator.role),
    operator.scope || "every machine",
    operator.revoked ? { text: "revoked", style: "red" } : { text: "active", style: "green" },
    agoText(operator.lastSeen, now),
    localTime(operator.expiresAt),
  ]);
  return table(["OPERATOR", "ROLE", "MACHINES", "STATE", "LAST SEEN", "CERTIFICATE UNTIL"], rows, paint);
}

/** @param out absolute path of the file, which must not be there yet */
export async function createOperator(
  session: FleetSession,
  { name, role, scope }: { name: string; role: Role; scope: string },
  out: string,
): Promise<void> {
  // whether it can be written shows before there is an operator who has no credential
  await using file = await NewFile.make(out);
  const { key, request } = await makeKeyAndRequest();
  const asked = { name, role, scope, certificateRequest: Buffer.from(request) };
  const answer = await session.ask(session.fleet.createOperator(asked));
  const { authorities, addresses, certificate } = issuedTo(answer.credentials);
  await file.finish(operatorFileText({ addresses, authorities, certificate, key }));
  const { operator } = answer;
  if (operator === undefined) throw new LuksmithError("internal", "the controller did not say whom it has made");
  const shown = showName(Buffer.from(out));
  session.result(
    () => [fleetOperatorJson(operator, out)],
    () =>
      `${escapeControls(operator.name)} is ${article(operator.role)} of ${escapeControls(operator.scope || "every machine")}: ${shown}\n`,
  );
  session.notice(
    `whoever has ${shown} acts in this name: bring it to its owner on a way that nobody else reads,\n` +
      "as ~/.config/luksmith/fleet.yaml, mode 0600, and remove it here",
  );
}

function article(role: Role): string {
  const name = enumName(Role, role);
  return `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`;
}

/** One's own, at once: after a change of the authority, of which this is the way to hear. */
export async function renewOperator(session: FleetSession): Promise<void> {
  await session.renewNow();
  const { operator } = await session.ask(session.fleet.getFleet());
  if (operator === undefined) throw new LuksmithError("internal", "the controller did not say who you are");
  const { path } = session.credential;
  session.result(
    () => [fleetOperatorJson(operator, path)],
    () => `${escapeControls(operator.name)} has another certificate: ${showName(Buffer.from(path))}\n`,
  );
}

export async function revokeOperator(session: FleetSession, name: string, yes: boolean): Promise<void> {
  if (!yes) {
    const question = `Revoke operator ${name}: the credential counts no more, for good`;
    await confirm(session, question, `luksmith fleet operator revoke ${name} --yes`);
  }
  const { operator } = await session.ask(session.fleet.revokeOperator({ name }));
  if (operator === undefined) throw new LuksmithError("internal", "the controller did not say which operator that is");
  session.result(
    () => [fleetOperatorJson(operator)],
    () => `${escapeControls(operator.name)} is revoked, and cut off from now on\n`,
  );
}
