/** How a run may end, given what happened to it. Pure. */

import type { Fault } from "./plan.ts";

/** "DONE", "FAILED lost", "CANCELLED" and so on; "UNKNOWN" when the history does not have the run. */
export type Outcome = string;

/** Whatever else happened, a run may have been done before it, or have survived it. */
const always = ["DONE"];
/** The host went away, or a program that speaks to it. */
const awayCodes = ["lost", "stalled", "unreachable", "tool_failed"].map((code) => `FAILED ${code}`);

/** @param isBeside it is not the run that was cancelled */
export function allowedOutcomes(fault: Fault, isBeside: boolean): readonly Outcome[] {
  switch (fault.kind) {
    case "none":
    case "blip":
      return always;
    case "cancel":
      if (isBeside) return fault.silent ? [...always, ...awayCodes] : always;
      return [...always, "CANCELLED"];
    case "stop agent":
      return [...always, "CANCELLED"];
    case "kill agent":
      return [...always, "INTERRUPTED", "UNKNOWN"];
    case "power off":
      // the last moments of the history may be lost
      return [...always, "INTERRUPTED", "UNKNOWN"];
    case "image unwritable":
      return [...always, ...awayCodes, "FAILED denied"];
    default:
      return [...always, ...awayCodes];
  }
}
