/** Names as they are typed: what can not be a name is refused before anybody else sees it. */

import { LuksmithError } from "../common/errors.ts";
import { quoteText } from "../common/quote.ts";

/** The configuration's rule for what may be called a job, a volume or a remote. */
const namePattern = /^[a-z0-9][a-z0-9_-]{0,31}$/;

/** Ids are made by the agent; a prefix will do, and so will the word "last". */
const runPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

const snapshotPattern = /^[0-9A-Za-z][0-9A-Za-z:.+_-]{0,63}$/;

export function jobName(text: string): string {
  return name(text, "job", "luksmith jobs lists them");
}

export function volumeName(text: string): string {
  return name(text, "volume", "luksmith volume list shows them");
}

export function remoteName(text: string): string {
  return name(text, "remote", "they are the keys below `remotes` in the agent's configuration");
}

export function runId(text: string): string {
  if (runPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not a run's id`, { hint: "luksmith runs lists them" });
}

/** The name of one snapshot, as `luksmith snapshots` shows it. */
export function snapshotName(text: string): string {
  if (snapshotPattern.test(text) && !text.includes("..")) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not a snapshot`, {
    hint: "luksmith snapshots lists them; a time is written as 2026-11-23 or 2026-11-23T02:00:00Z",
  });
}

/** A whole number from 1 to `max`. */
export function countUpTo(max: number): (text: string) => number {
  return (text) => {
    const count = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : Number.NaN;
    if (count <= max) return count;
    throw new LuksmithError("usage", `${quoteText(text)} is not a number from 1 to ${max}`);
  };
}

function name(text: string, what: string, where: string): string {
  if (namePattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the name of a ${what}`, {
    hint: `names have a-z, 0-9, "-" and "_", and 32 characters at most; ${where}`,
  });
}
