/** What is attached although no run uses it, and what stands in its place. */

import { asLuksmithError } from "../../common/errors.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { allHeldVolumes, foreignMounts } from "../stack/held.ts";
import { Stack } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { ok, problem, warning } from "./finding.ts";

/** @param fix releases what is ours; what is not is named and left alone */
export async function examineLeftovers(host: Host, runs: RunManager, fix: boolean): Promise<Finding[]> {
  const { runtimeDir } = host;
  const foreign = (await foreignMounts(runtimeDir)).map((what) =>
    warning("leftovers", `${what} is not of luksmith's making, and is in its place`, "umount it yourself"),
  );
  const left = (await allHeldVolumes(host)).filter((volume) => runs.heldBy(volume) === undefined);
  if (left.length + foreign.length === 0) return [ok("leftovers", "nothing is attached that no run uses")];
  const ours = left.map((volume) =>
    fix
      ? release(host, runs, volume)
      : warning(
          "leftovers",
          `volume ${volume} is partly attached although no run uses it`,
          "luksmith doctor --fix releases it",
        ),
  );
  return [...(await Promise.all(ours)), ...foreign];
}

async function release(host: Host, runs: RunManager, volume: string): Promise<Finding> {
  try {
    await runs.reserved(volume, () => new Stack(host, volume, true).release());
    return ok("leftovers", `volume ${volume} was partly attached although no run used it: released`);
  } catch (error) {
    const { message, hint } = asLuksmithError(error);
    return problem("leftovers", `volume ${volume} cannot be released: ${message}`, hint ?? "see the agent's log");
  }
}
