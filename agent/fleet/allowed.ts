/** What `controller.allow` says to what the controller asks for. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AllowedWord } from "./allowed-word.ts";

/** What may be asked for, and by which word. */
export const workWords = {
  [Verb.BACKUP]: "backup",
  [Verb.VERIFY]: "verify",
  [Verb.DRILL]: "drill",
  [Verb.PRUNE]: "prune",
  [Verb.TRIM]: "trim",
  [Verb.CHECK_VOLUME]: "check",
} as const satisfies Partial<Record<Verb, AllowedWord>>;

export type WorkVerb = keyof typeof workWords;

/** What the controller is told of, whoever began it. */
export const reportedVerbs: readonly Verb[] = [...(Object.keys(workWords).map(Number) as Verb[]), Verb.RESIZE_VOLUME];

export function isWorkVerb(verb: Verb): verb is WorkVerb {
  return Object.hasOwn(workWords, verb);
}

/** @throws {LuksmithError} "denied" */
export function requireAllowed(allowed: readonly AllowedWord[], word: AllowedWord): void {
  if (allowed.includes(word)) return;
  throw new LuksmithError("denied", `this machine's own configuration does not allow ${word} to the controller`, {
    hint: `to allow it, on the machine: controller.allow, with ${word} among the words`,
  });
}
