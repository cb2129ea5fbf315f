/** That no helper answers: what was there instead, in words. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import type { RemoteConfig } from "../config/remote.ts";

const longestReason = 300;

export class NoHelperError extends LuksmithError {
  /** @param reason in the backup host's words, if it had any */
  constructor({ name }: RemoteConfig, reason: string) {
    super("refused", `no luksmith-helper answers on ${name}${reason === "" ? "" : `: ${reason}`}`, {
      hint: `install it: luksmith remote setup ${name}; or go without: remotes.${name}.transport: sshfs`,
    });
  }
}

/** @param said what stood on standard error, which the backup host chose */
export function whyNoHelper(said: string): string {
  const lines = said.split("\n").map((line) => escapeControls(line).trim());
  const error = lines.find((line) => line.startsWith("error: "));
  const reason = error?.slice("error: ".length) ?? lines.findLast((line) => line !== "") ?? "";
  return reason.length > longestReason ? `${reason.slice(0, longestReason)}…` : reason;
}
