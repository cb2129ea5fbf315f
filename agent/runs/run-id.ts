/**
 * Ids of runs: ten characters of Crockford's base32 in lower case (https://www.crockford.com/base32.html), which has no
 * i, l, o or u to be misread. The first seven are the time in tenths of a second since 2025 (enough for a century), the
 * last three are random, so that ids of two machines that started a run at once still differ.
 *
 * They sort as text in the order in which the runs were started, also when the clock was set back in between: an id is
 * never smaller than its predecessor. No id begins with "last", which is therefore free to mean the newest.
 */

import { LuksmithError } from "../../common/errors.ts";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const idLength = 10;
const epochMs = Date.UTC(2025, 0, 1);
const tickMs = 100;

/** What `nextRunId` wants of its caller: an integer from 0 to this, this excluded. */
export const runIdRandomRange = 2 ** 15;

/** @param previous the newest id there is, if any  @param random see {@link runIdRandomRange} */
export function nextRunId(previous: string | undefined, now: Date, random: number): string {
  const ticks = Math.max(0, Math.floor((now.getTime() - epochMs) / tickMs));
  const smallest = previous === undefined ? 0 : decode(previous) + 1;
  return encode(Math.max(ticks * runIdRandomRange + random, smallest));
}

export function isRunId(text: string): boolean {
  return text.length === idLength && [...text].every((character) => alphabet.includes(character));
}

/** When the run was started, to a tenth of a second. @param id must be one: {@link isRunId} */
export function timeOfRunId(id: string): Date {
  return new Date(epochMs + Math.floor(decode(id) / runIdRandomRange) * tickMs);
}

/**
 * What a person typed, as the beginning of an id: any case, and with the letters that Crockford lets stand for digits.
 * @throws {LuksmithError} "usage" when no id can begin like this
 */
export function parseRunIdPrefix(text: string): string {
  const prefix = text.toLowerCase().replaceAll(/[il]/g, "1").replaceAll("o", "0");
  if (prefix.length === 0 || prefix.length > idLength || [...prefix].some((char) => !alphabet.includes(char))) {
    throw new LuksmithError("usage", "that is no run id", {
      hint: "a run is named by its id, by the beginning of one, or as last: luksmith runs",
    });
  }
  return prefix;
}

function encode(value: number): string {
  let text = "";
  for (let rest = value; text.length < idLength; rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text;
  return text;
}

function decode(id: string): number {
  return [...id].reduce((value, char) => value * 32 + alphabet.indexOf(char), 0);
}
