/** Starting what works on a volume that is there. */

import { type Run, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { RunContext, RunRequest, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import { endReencryption } from "../volume/reencryption.ts";
import { targetOf } from "../volume/target.ts";
import type { Machine } from "./machine.ts";

/** They go on with a re-encryption that was interrupted; whoever only looks is told who does. */
const writing: readonly Verb[] = [Verb.BACKUP, Verb.PRUNE, Verb.TRIM, Verb.RESIZE_VOLUME, Verb.CHECK_VOLUME];

/**
 * Tries again and has a deadline as the configuration says, unless `request` says otherwise.
 * @param work called for each attempt, with what is known of the volume then
 * @throws {LuksmithError} "not_found" when the volume is not configured, or has not been created on this machine; as
 *   {@link RunManager.start}
 */
export async function startOnVolume(
  { config, host, pins, runs }: Omit<Machine, "users">,
  request: RunRequest,
  work: (target: Target, run: RunContext) => Promise<RunResult>,
): Promise<{ run: Run }> {
  const { volume } = request;
  await targetOf(config, pins, volume);
  const goesOn = writing.includes(request.verb) && request.dryRun !== true;
  const run = runs.start({ ...config.runs, ...request }, async (context) => {
    const target = await targetOf(config, pins, volume);
    return work(goesOn ? await endReencryption(host, pins, target, context) : target, context);
  });
  return { run };
}
