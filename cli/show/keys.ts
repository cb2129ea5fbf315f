/** The key slots of a volume, and the one time that a new recovery passphrase is shown. */

import { escapeControls } from "../../common/quote.ts";
import { type KeySlot, KeySlot_Role, type ListKeysResponse } from "../../proto/gen/luksmith/v1/agent.ts";
import { type Run, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { begun, followRun, type StartOptions, sayDetached, sayEnd, started } from "../follow-run.ts";
import { keysJson, recoveryPassphraseJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import type { Session } from "../session.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function showKeys(session: Session, volume: string): Promise<void> {
  const keys = await session.waitFor("trying the agent's key", session.agent.listKeys({ volume }));
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => [keysJson(volume, keys)],
    () => keysText(volume, keys, paint),
  );
}

function keysText(
  volume: string,
  { slots, fault, sourceText, unfinished, reencrypting }: ListKeysResponse,
  paint: Paint,
): string {
  const rows = slots.map((slot) => slotRow(slot, sourceText));
  const warnings = [
    ...(fault === undefined ? [] : [`which slot is the agent's own is not known: ${escapeControls(fault.message)}`]),
    ...(reencrypting ? [`a re-encryption has begun and not ended: luksmith key reencrypt ${volume} goes on`] : []),
    ...(unfinished ? [`an interrupted change has to be finished: luksmith volume check ${volume}`] : []),
  ];
  return table(["SLOT", "KEY", "DERIVATION", "ADDED"], rows, paint) + warnings.map((line) => `\n${line}\n`).join("");
}

function slotRow(slot: KeySlot, sourceText: string): Cell[] {
  return [`${slot.slot}`, slotText(slot, sourceText), slot.kdf, localTime(slot.addedAt)];
}

function slotText({ agents, role }: KeySlot, sourceText: string): Cell {
  if (agents) return { text: `the agent's: ${sourceText}`, style: "green" };
  if (role === KeySlot_Role.RECOVERY) return "recovery passphrase";
  return role === KeySlot_Role.ADDED ? "added by somebody" : "not known";
}

interface Begun {
  readonly run: Run | undefined;
  readonly recoveryPassphrase: string;
}

/** Follows a run that may have made a recovery passphrase. @throws {LuksmithError} what the run ended with */
export async function runWithPassphrase(
  session: Session,
  volume: string,
  start: () => Promise<Begun>,
  options: StartOptions,
): Promise<string> {
  const answer = await started(session, start());
  const run = begun(answer.run);
  const { recoveryPassphrase } = answer;
  const say = (finished: boolean) => {
    if (recoveryPassphrase === "") return;
    session.result(
      () => [recoveryPassphraseJson({ volume, runId: run.id, finished, recoveryPassphrase })],
      () => passphraseText(volume, recoveryPassphrase) + (finished ? "" : cautionText(volume)),
    );
  };
  if (options.detach) {
    sayDetached(session, run, "asked");
    say(false);
    return recoveryPassphrase;
  }
  const ended = await followRun(session, run).catch((error: unknown) => {
    // the run may well succeed unwatched, and nobody will show the passphrase a second time
    say(false);
    throw error;
  });
  try {
    sayEnd(session, ended);
  } finally {
    // what failed may have failed after the key was in the pinned header
    say(ended.state === RunState.DONE);
  }
  return recoveryPassphrase;
}

export function passphraseText(volume: string, recoveryPassphrase: string): string {
  return `
The recovery passphrase of volume ${volume}, shown this once and stored nowhere:

    ${escapeControls(recoveryPassphrase)}

Write it down now and keep it away from this machine. It opens the backup when the key file is lost; whoever
has it can read everything.
`;
}

function cautionText(volume: string): string {
  return `\nThe run did not end well, or goes on: it counts only if its slot is there. See: luksmith key list ${volume}\n`;
}
