/** The creation of a volume, and the one time that its recovery passphrase is shown. */

import { escapeControls } from "../../common/quote.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { begun, followRun, type StartOptions, sayDetached, sayEnd, started } from "../follow-run.ts";
import { type CreatedVolume, volumeCreatedJson } from "../json.ts";
import type { Session } from "../session.ts";
import { passphraseText } from "./keys.ts";

/** Ends that leave nothing which a passphrase could open. */
const withoutVolume: readonly RunState[] = [RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED];

/** @throws {LuksmithError} what the run ended with */
export async function createVolume(session: Session, volume: string, options: StartOptions): Promise<void> {
  const answer = await started(session, session.agent.createVolume({ volume }));
  const run = begun(answer.run);
  const { recoveryPassphrase, keyFile, headerFile } = answer;
  const say = (finished: boolean) => {
    const created = { volume, runId: run.id, finished, recoveryPassphrase, keyFile, headerFile };
    session.result(
      () => [volumeCreatedJson(created)],
      () => createdText(created),
    );
  };
  if (options.detach) {
    sayDetached(session, run, "asked");
    return say(false);
  }
  const ended = await followRun(session, run).catch((error: unknown) => {
    // the run may well succeed unwatched, and nobody will show the passphrase a second time
    say(false);
    throw error;
  });
  try {
    sayEnd(session, ended);
  } finally {
    // there is a volume, or there may be one
    if (!withoutVolume.includes(ended.state)) say(ended.state === RunState.DONE);
  }
}

export function createdText(created: CreatedVolume): string {
  const { recoveryPassphrase, keyFile, headerFile, finished, runId } = created;
  const files = [
    keyFile === "" ? "" : `  key file       ${escapeControls(keyFile)}\n`,
    headerFile === "" ? "" : `  pinned header  ${escapeControls(headerFile)}\n`,
  ].join("");
  const caution = finished
    ? ""
    : `\nThe run is not finished: all this counts only if it succeeds. See: luksmith log ${escapeControls(runId)} --follow\n`;
  const passphrase = recoveryPassphrase === "" ? "" : passphraseText(created.volume, recoveryPassphrase);
  const copies =
    files === "" ? "" : `\nCopy these off this machine as well, they are needed when it is gone:\n${files}`;
  return passphrase + copies + caution;
}
