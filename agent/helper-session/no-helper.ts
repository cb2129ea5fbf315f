/** That no helper answers: what was there instead, in words. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import type { RemoteConfig } from "../config/remote.ts";

const longestReason = 300;

export class NoHelperError extends LuksmithError {
  readonly reason: string;

  /**
   * @param reason in the backup host's words, if it had any
   * @param needed what is to be done cannot be done without it
   */
  constructor({ name }: Pick<RemoteConfig, "name">, reason: string, needed = false) {
    const without = needed ? "" : `; or go without: remotes.${name}.transport: sshfs`;
    super("refused", `no luksmith-helper answers on ${name}${reason === "" ? "" : `: ${reason}`}`, {
      hint: `install it: luksmith remote setup ${name}${without}`,
    });
    this.reason = reason;
  }
}

/** @param said what stood on standard error, which the backup host chose */
export function whyNoHelper(said: string): string {
  const lines = said.split("\n").map((line) => escapeControls(line).trim());
  const error = lines.find((line) => line.startsWith("error: "));
  const reason = error?.slice("error: ".length) ?? lines.findLast((line) => line !== "") ?? "";
  return reason.length > longestReason ? `${reason.slice(0, longestReason)}…` : reason;
}
