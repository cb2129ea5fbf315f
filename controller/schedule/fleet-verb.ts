/** What may be asked of machines: the closed list, in the words of `controller.allow`. */

import { Verb } from "../../proto/gen/luksmith/v1/types.ts";

export const fleetVerbs = {
  backup: { verb: Verb.BACKUP, about: "job" },
  verify: { verb: Verb.VERIFY, about: "job" },
  drill: { verb: Verb.DRILL, about: "job" },
  prune: { verb: Verb.PRUNE, about: "job" },
  trim: { verb: Verb.TRIM, about: "volume" },
  check: { verb: Verb.CHECK_VOLUME, about: "volume" },
} as const satisfies Record<string, { verb: Verb; about: "job" | "volume" }>;

export type FleetVerb = keyof typeof fleetVerbs;

export const fleetVerbNames = Object.keys(fleetVerbs) as readonly FleetVerb[];

export function fleetVerbOf(verb: Verb): FleetVerb | undefined {
  return fleetVerbNames.find((name) => fleetVerbs[name].verb === verb);
}

/** How thoroughly `verify` looks. */
export const verifyLevels = ["quick", "spot", "full", "scrub"] as const;
export type VerifyLevel = (typeof verifyLevels)[number];
