/** The answer of CheckAccess. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import type { CheckAccessRequest, CheckAccessResponse } from "../../proto/gen/luksmith/v1/agent.ts";
import { accessJson } from "../json.ts";
import type { Session } from "../session.ts";
import type { Paint } from "../table.ts";

/** @throws {LuksmithError} "denied" when it is refused */
export async function showAccess(session: Session, request: CheckAccessRequest): Promise<void> {
  const answer = await session.waitFor("asking the agent", session.agent.checkAccess(request));
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => [accessJson(answer)],
    () => accessText(answer, paint),
  );
  if (answer.allowed) return;
  const { user, verb } = answer;
  throw new LuksmithError("denied", escapeControls(`${user} may not use ${verb}${onWhat(answer)}`), {
    hint: escapeControls(answer.hint),
  });
}

function accessText({ allowed, reason }: CheckAccessResponse, paint: Paint): string {
  const word = allowed ? paint("green", "allowed") : paint("red", "refused");
  return `${word}: ${escapeControls(reason)}\n`;
}

function onWhat({ job, volume }: CheckAccessResponse): string {
  if (job !== "") return ` on job ${job}`;
  return volume === "" ? "" : ` on volume ${volume}`;
}
