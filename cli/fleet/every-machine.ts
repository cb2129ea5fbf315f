/** What would be about every machine is asked once more: a selector may say more than was meant. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { canAsk, confirm } from "../confirm.ts";
import type { FleetSession } from "./fleet-session.ts";

/** The option that says so beforehand, and that the controller names in its hint. */
const option = "--all-machines";

/**
 * @param isMeant as the option says
 * @param request is repeated when the controller refuses because of that, and the operator says yes
 */
export async function withEveryMachine<Answer>(
  session: FleetSession,
  isMeant: boolean,
  request: (everyMachine: boolean) => Promise<Answer>,
): Promise<{ answer: Answer; everyMachine: boolean }> {
  try {
    return { answer: await session.ask(request(isMeant)), everyMachine: isMeant };
  } catch (error) {
    const isAbout = error instanceof LuksmithError && error.code === "usage" && error.hint?.includes(option);
    if (!isAbout || isMeant || !canAsk(session)) throw error;
    await confirm(session, `${capital(escapeControls(error.message))}. Go on`, option);
    return { answer: await session.ask(request(true)), everyMachine: true };
  }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
