/** Whether this machine can use images as network block devices, where its remotes would have it so. */

import type { Exec } from "../../common/exec.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { RemoteConfig } from "../config/remote.ts";
import { lookForNbd } from "../tools/nbd-client.ts";
import { lookForProgram } from "../transport/nbd/programs.ts";
import { NbdUnusableError } from "../transport/nbd/unusable.ts";
import { ok, problem, warning } from "./finding.ts";

/** @returns nothing when every remote is to be reached by sshfs */
export async function examineNbd(exec: Exec, remotes: readonly RemoteConfig[]): Promise<Finding[]> {
  const wanting = remotes.filter(({ transport }) => transport !== "sshfs");
  if (wanting.length === 0) return [];
  const findings = [await examineDevices(exec, wanting)];
  const direct = wanting.filter(({ trustedWire }) => trustedWire);
  if (direct.length > 0) findings.push(await examineSocat(exec));
  return findings;
}

async function examineSocat(exec: Exec): Promise<Finding> {
  try {
    await lookForProgram(exec, "socat");
    return ok("nbd over TCP", "socat is there");
  } catch (error) {
    if (!(error instanceof NbdUnusableError)) throw error;
    return warning("nbd over TCP", `${error.message}: images go through the tunnel`, error.hint ?? "");
  }
}

/** What `auto` cannot have it does without. */
async function examineDevices(exec: Exec, remotes: readonly RemoteConfig[]): Promise<Finding> {
  const subject = "nbd";
  try {
    await lookForNbd(exec);
    return ok(subject, "this machine can use images as block devices");
  } catch (error) {
    if (!(error instanceof NbdUnusableError)) throw error;
    const needing = remotes.filter(({ transport }) => transport === "nbd").map(({ name }) => name);
    const hint = error.hint ?? "";
    return needing.length > 0
      ? problem(subject, `${error.message}, and ${needing.join(", ")} can be reached in no other way`, hint)
      : warning(subject, `${error.message}: volumes are reached by sshfs, and nothing can be trimmed`, hint);
  }
}
