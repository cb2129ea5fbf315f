/** The adoption of an image: it is looked at, what was found is shown, and with a yes it is done. */

import { LuksmithError } from "../../common/errors.ts";
import type { AdoptVolumeRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import { type Run, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { ask } from "../ask.ts";
import { begun, followRun, sayEnd, started } from "../follow-run.ts";
import { volumeCreatedJson } from "../json.ts";
import { SecretInput } from "../secret-input.ts";
import type { Session } from "../session.ts";
import { createdText } from "./created-volume.ts";

interface AdoptOptions {
  readonly passphrase?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

/** Ends that leave nothing which a passphrase could open. */
const withoutVolume: readonly RunState[] = [RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED];

/** @throws {LuksmithError} what the run ended with; "usage" when nobody is there to be asked; "cancelled" without a yes */
export async function adoptVolume(
  session: Session,
  asked: Pick<AdoptVolumeRequest, "volume" | "job" | "root">,
  options: AdoptOptions,
): Promise<void> {
  const { yes = false, dryRun = false } = options;
  const canAsk = process.stdin.isTTY && session.terminal.stderrIsTerminal && !session.json;
  if (!yes && !dryRun && !canAsk) {
    throw new LuksmithError("usage", "nobody is here to say whether what is found is right", {
      hint: "look with --dry-run, then add --yes",
    });
  }
  const question = `Passphrase of the image of volume ${asked.volume}`;
  const passphrase = options.passphrase === true ? await new SecretInput(session).ask(question) : Buffer.alloc(0);
  let shownRun = "";
  if (dryRun || !yes) {
    const request = { ...asked, passphrase, dryRun: true, shownRun: "" };
    const { run } = await started(session, session.agent.adoptVolume(request));
    const looked = await followRun(session, begun(run));
    sayEnd(session, looked);
    if (dryRun) return;
    shownRun = looked.id;
    await confirm(session, asked.volume);
  }
  const answer = await started(session, session.agent.adoptVolume({ ...asked, passphrase, dryRun: false, shownRun }));
  const run = begun(answer.run);
  const { recoveryPassphrase, keyFile, headerFile } = answer;
  const say = (ended: Run | undefined) => {
    const finished = ended?.state === RunState.DONE;
    const adopted = { volume: asked.volume, runId: run.id, finished, recoveryPassphrase, keyFile, headerFile };
    session.result(
      () => [volumeCreatedJson(adopted)],
      () => createdText(adopted),
    );
  };
  const ended = await followRun(session, run).catch((error: unknown) => {
    // the run may well succeed unwatched, and nobody will show the passphrase a second time
    say(undefined);
    throw error;
  });
  try {
    sayEnd(session, ended);
  } finally {
    if (!withoutVolume.includes(ended.state)) say(ended);
  }
}

/** Comes back only after a yes. */
async function confirm(session: Session, volume: string): Promise<void> {
  const { terminal } = session;
  const answer = await ask(
    process.stdin,
    (again) => terminal.prompt(again ? "Please type yes or no: " : `Make it the volume ${volume} (yes/no)? `),
    (line) => (line === "yes" ? true : line === "no" ? false : undefined),
    session.stop,
  );
  if (answer === undefined) terminal.errLine("");
  session.stop.throwIfAborted();
  if (answer === true) return;
  throw new LuksmithError("cancelled", "nothing was changed: you did not say yes");
}
