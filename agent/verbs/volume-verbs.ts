/** Starting what is about a volume, for whoever may ask for it. */

import { type Run, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { checkVolume } from "../volume/check.ts";
import { type TrimOptions, trimVolume } from "../volume/trim.ts";
import type { Asked, Machine } from "./machine.ts";
import { startOnVolume } from "./start-on-volume.ts";

/** @throws {LuksmithError} as {@link startOnVolume} */
export function startCheck(
  machine: Machine,
  volume: string,
  options: { acceptRollback: boolean; repair: boolean },
  asked: Asked,
): Promise<{ run: Run }> {
  const { config, host, pins } = machine;
  const jobs = [...config.jobs.values()].filter((job) => job.volume === volume).map((job) => job.name);
  return startOnVolume(machine, { verb: Verb.CHECK_VOLUME, volume, ...asked }, (target, run) =>
    checkVolume(host, pins, target, { ...options, jobs }, run),
  );
}

/** @throws {LuksmithError} as {@link startOnVolume} */
export function startTrim(machine: Machine, volume: string, options: TrimOptions, asked: Asked): Promise<{ run: Run }> {
  const { host, pins } = machine;
  const request = { verb: Verb.TRIM, volume, dryRun: options.dryRun, ...asked };
  return startOnVolume(machine, request, (target, run) => trimVolume(host, pins, target, options, run));
}
