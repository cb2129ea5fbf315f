/** Who is at the other end: sudo says which user called it, the configuration what that machine may do. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import { quoteText } from "../../common/quote.ts";
import type { HelperConfig } from "../config/helper-config.ts";
import { plainAddress } from "../config/network.ts";
import type { Owner } from "../storage/machine-directory.ts";
import type { Machine } from "./session.ts";

const lookupDeadlineMs = 10_000;

/**
 * @param environment SUDO_USER is set by sudo itself (sudo(8), "ENVIRONMENT"); SSH_CONNECTION by sshd, and kept by the rule
 *   that setup has made: the machine, whose key starts nothing but this, cannot set it
 * @throws {LuksmithError} "denied" for whoever is no machine here
 */
export async function callingMachine(
  exec: Exec,
  config: HelperConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Machine> {
  const name = environment.SUDO_USER ?? "";
  const machine = config.machines.get(name);
  if (machine === undefined) {
    throw new LuksmithError("denied", `${quoteText(name)} is no machine of this backup host`, {
      hint: "luksmith remote setup makes one; by hand: machines, in /etc/luksmith/helper.yaml",
    });
  }
  const owner = await accountOf(exec, name);
  const [address = ""] = (environment.SSH_CONNECTION ?? "").split(" ");
  return { config: machine, owner, address: plainAddress(address) };
}

/** A machine's user, as the system knows it. */
export async function accountOf(exec: Exec, name: string): Promise<Owner> {
  const entry = await exec({ file: "getent", args: ["--", "passwd", name], deadlineMs: lookupDeadlineMs });
  const [, , uid, gid] = entry.stdout.toString().trimEnd().split(":").map(Number);
  if (entry.exitCode === 0 && isId(uid) && isId(gid)) return { uid, gid };
  throw new LuksmithError("tool_failed", `there is no user ${name} here: ${lastWords(entry)}`);
}

/** Root is no machine. */
function isId(id: number | undefined): id is number {
  return id !== undefined && Number.isSafeInteger(id) && id > 0;
}
