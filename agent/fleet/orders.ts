/**
 * What a controller may send, checked before anything is made of it. Whoever has taken over a controller can say what it likes; what is
 * not plainly one of the things that may be asked for is not looked at any further.
 */

import { longestDeadlineMs } from "../../common/config/deadline.ts";
import { namePattern } from "../../common/config/names.ts";
import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { longestWaitMs, mostAttempts } from "../../common/schedule/retry-rule.ts";
import type { Dispatch, Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { isWorkVerb, type WorkVerb } from "./allowed.ts";

/** Ids that the controller makes: nothing that could be an argument, a path or a terminal's. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** Longer names are shown to nobody. */
const shownLimit = 64;
const levels = ["", "quick", "spot", "full", "scrub"];

const verbsOnVolumes: readonly Verb[] = [Verb.TRIM, Verb.CHECK_VOLUME];

export type CheckedWork = Work & { readonly verb: WorkVerb };

export function isOrderId(id: string): boolean {
  return idPattern.test(id);
}

/** Of an operator or controller, for people to read: on one line and of no great length. */
export function shownName(text: string): string {
  return escapeControls(text.slice(0, shownLimit));
}

/** @returns the same when it may be asked for @throws {LuksmithError} "usage" */
export function requireDispatch(dispatch: Dispatch): Dispatch & { readonly work: CheckedWork } {
  if (!isOrderId(dispatch.id)) throw unusable("its id is none");
  return { ...dispatch, work: requireWork(dispatch.work, "one") };
}

/** @param jobs "each": "*" may stand for every job, as in a schedule @throws {LuksmithError} "usage" */
export function requireWork(work: Work | undefined, jobs: "one" | "each"): CheckedWork {
  if (work === undefined) throw unusable("it says nothing of what is to be done");
  const { verb, job, volume, level, deadlineMs, retry } = work;
  if (!isWorkVerb(verb)) throw unusable("what is to be done is nothing that may be asked for");
  const [name, other] = verbsOnVolumes.includes(verb) ? [volume, job] : [job, volume];
  const each = jobs === "each" && name === "*";
  if (other !== "" || !(each || namePattern.test(name))) throw unusable("it names no job or volume as it should");
  if (!levels.includes(level) || (level !== "" && verb !== Verb.VERIFY))
    throw unusable("it names no level that there is");
  if (!isFigure(deadlineMs, longestDeadlineMs)) throw unusable("its deadline is none");
  const figures = retry === undefined ? [] : [retry.waitMs, retry.longestWaitMs];
  if (!isFigure(retry?.attempts ?? 0, mostAttempts) || !figures.every((ms) => isFigure(ms, longestWaitMs))) {
    throw unusable("its retry rule is none");
  }
  return { ...work, verb };
}

function isFigure(value: number, largest: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= largest;
}

function unusable(why: string): LuksmithError {
  return new LuksmithError("usage", `the agent cannot use this order: ${why}`, {
    hint: "is the agent older than the controller?",
  });
}
