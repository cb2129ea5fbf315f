/** A yes before something that cannot be taken back. */

import { LuksmithError } from "../common/errors.ts";
import { ask } from "./ask.ts";
import type { BaseSession } from "./base-session.ts";

/** Whether somebody sits there who can be asked. */
export function canAsk({ json, terminal }: BaseSession): boolean {
  return !json && process.stdin.isTTY === true && terminal.stderrIsTerminal;
}

/**
 * Comes back only after a yes.
 * @param question without its question mark @param otherwise the command that needs no answer
 * @throws {LuksmithError} "usage" when nobody can be asked, "cancelled" when the answer is no
 */
export async function confirm(session: BaseSession, question: string, otherwise: string): Promise<void> {
  const { terminal } = session;
  if (!canAsk(session)) {
    throw new LuksmithError("usage", `nobody is here to answer: ${question}?`, { hint: otherwise });
  }
  const answer = await ask(
    process.stdin,
    (again) => terminal.prompt(again ? "Please type yes or no: " : `${question} (yes/no)? `),
    (line) => (line === "yes" ? true : line === "no" ? false : undefined),
    session.stop,
  );
  if (answer === undefined) terminal.errLine("");
  session.stop.throwIfAborted();
  if (answer !== true) throw new LuksmithError("cancelled", "you did not say yes: nothing was changed");
}
