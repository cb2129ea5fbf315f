/** What is attached although no run uses it. */

import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { findLeftovers } from "../stack/leftovers.ts";
import { ok, warning } from "./finding.ts";

export async function examineLeftovers(runtimeDir: string, runs: RunManager): Promise<Finding[]> {
  const left = (await findLeftovers(runtimeDir)).filter((volume) => runs.heldBy(volume) === undefined);
  if (left.length === 0) return [ok("leftovers", "nothing is attached that no run uses")];
  return left.map((volume) =>
    warning(
      "leftovers",
      `volume ${volume} is partly attached although no run uses it`,
      "systemctl restart luksmith-agent releases it",
    ),
  );
}
