/** Starting what works on a volume that is there. */

import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import type { RunContext, RunRequest, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import { targetOf } from "../volume/target.ts";
import type { Agent } from "./agent.ts";

/**
 * Tries again and has a deadline as the configuration says, unless `request` says otherwise.
 * @param work called for each attempt, with what is known of the volume then
 * @throws {LuksmithError} "not_found" when the volume is not configured, or has not been created on this machine; as
 *   {@link RunManager.start}
 */
export async function startOnVolume(
  { config, pins, runs }: Agent,
  request: RunRequest,
  work: (target: Target, run: RunContext) => Promise<RunResult>,
): Promise<{ run: Run }> {
  const { volume } = request;
  await targetOf(config, pins, volume);
  const run = runs.start({ ...config.runs, ...request }, async (context) =>
    work(await targetOf(config, pins, volume), context),
  );
  return { run };
}
