/** The fleet's authorities, and how far a change of them is. */

import { LuksmithError } from "../../common/errors.ts";
import { showPin } from "../../common/fleet/pin.ts";
import { escapeControls } from "../../common/quote.ts";
import {
  type Authority,
  type GetAuthoritiesResponse,
  type MachinePhase,
  type RotateAuthorityRequest_Step,
  RotationPhase,
  RotateAuthorityRequest_Step as Step,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { confirm } from "../confirm.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { fleetAuthoritiesJson } from "../fleet/json.ts";
import { agoText } from "../fleet/text.ts";
import { localTime } from "../local-time.ts";
import { type Paint, table } from "../table.ts";

/** More names of machines than that nobody reads who has not asked for all. */
const mostShown = 20;

/** @param withAll also machines that have followed */
export async function showAuthorities(session: FleetSession, withAll = false): Promise<void> {
  const answer = await session.ask(session.fleet.getAuthorities());
  session.result(
    () => [fleetAuthoritiesJson(answer)],
    () => authoritiesText(answer, session.clock.now(), session.paint, withAll),
  );
}

export function authoritiesText(answer: GetAuthoritiesResponse, now: Date, paint: Paint, withAll = false): string {
  const { phase, authorities, machines } = answer;
  const rows = authorities.map((authority) => [
    showPin(authority.fingerprint),
    usesText(authority),
    localTime(authority.createdAt),
    localTime(authority.expiresAt),
  ]);
  const list = table(["AUTHORITY", "ISSUES FOR", "MADE", "EXPIRES"], rows, paint);
  const behind = machines.filter((machine) => isBehind(machine, phase));
  const text = `${phaseText(phase)}\n\n${list}`;
  if (isAtRest(phase)) return text;
  const count = `\n${behind.length} of ${machines.length} behind\n`;
  const shown = withAll ? machines : behind.slice(0, mostShown);
  if (shown.length === 0) return text + count;
  const more =
    shown.length < behind.length ? `and ${behind.length - shown.length} more: luksmith fleet ca status --all\n` : "";
  return `${text}${count}${machinesText(withAll ? "MACHINE" : "BEHIND", shown, now, paint)}${more}`;
}

function usesText({ issuesClients, issuesServers, next }: Authority): string {
  const uses = [issuesClients ? "machines and operators" : "", issuesServers ? "controllers" : ""].filter(Boolean);
  return uses.join(", ") || (next ? "nobody yet" : "nobody any more");
}

/** Where it stands, and the command that goes on. */
function phaseText(phase: RotationPhase): string {
  const further = "luksmith fleet ca rotate next goes on, luksmith fleet ca rotate back goes back";
  switch (phase) {
    case RotationPhase.NONE:
      return "the authority is not being changed: luksmith fleet ca rotate start";
    case RotationPhase.TRUST:
      return `step 1 of 3: there is a new authority, and every machine is told to trust both; ${further}`;
    case RotationPhase.CLIENTS:
      return `step 2 of 3: machines and operators get certificates of the new authority; ${further}`;
    case RotationPhase.SERVERS:
      return `step 3 of 3: controllers show certificates of the new authority; luksmith fleet ca rotate next drops the old one for good, luksmith fleet ca rotate back goes back`;
    default:
      return "the change of the authority is in a phase that this luksmith does not know";
  }
}

function isBehind({ trustsNext, issuedByNext }: MachinePhase, phase: RotationPhase): boolean {
  if (phase === RotationPhase.TRUST) return !trustsNext;
  if (phase === RotationPhase.CLIENTS || phase === RotationPhase.SERVERS) return !trustsNext || !issuedByNext;
  return false;
}

function isAtRest(phase: RotationPhase): boolean {
  return phase === RotationPhase.NONE || phase === RotationPhase.UNSPECIFIED;
}

function machinesText(title: string, machines: readonly MachinePhase[], now: Date, paint: Paint): string {
  const rows = machines.map(({ machine, trustsNext, issuedByNext, connected, lastSeen }) => [
    machine,
    trustsNext ? "yes" : "no",
    issuedByNext ? "yes" : "no",
    connected ? "now" : agoText(lastSeen, now),
  ]);
  return table([title, "TRUSTS THE NEW", "HAS ITS CERTIFICATE", "LAST SEEN"], rows, paint);
}

const steps = { start: Step.START, next: Step.NEXT, back: Step.BACK } as const;

export type StepName = keyof typeof steps;

export async function rotateAuthority(
  session: FleetSession,
  name: StepName,
  { force, yes }: { force: boolean; yes: boolean },
): Promise<void> {
  const step: RotateAuthorityRequest_Step = steps[name];
  const before = await session.ask(session.fleet.getAuthorities());
  if (step === Step.NEXT && before.phase === RotationPhase.SERVERS && !yes) {
    const question =
      "Drop the old authority: there is no way back, and whoever has no certificate of the new one is out";
    await confirm(session, question, "luksmith fleet ca rotate next --yes");
  }
  await session.ask(session.fleet.rotateAuthority({ step, force }));
  // who moves the fleet on is not to be left behind by it
  await session.renewNow().catch((error: unknown) => {
    if (session.stop.aborted) throw error;
    const why = error instanceof LuksmithError ? error.message : "for a reason that is not known";
    session.notice(`your own credential could not be renewed: ${escapeControls(why)}; any command tries it again`);
  });
  await showAuthorities(session);
}
