/** Names as they are typed: what can not be a name is refused before anybody else sees it. */

import { LuksmithError } from "../common/errors.ts";
import { quoteText } from "../common/quote.ts";
import { parseDuration, parseSize } from "../common/units.ts";

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

/** Who administers a backup host, as ssh takes it; it cannot be an option of ssh's. */
export function adminDestination(text: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(@[A-Za-z0-9_[][A-Za-z0-9_.:[\]-]{0,254})?$/.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not USER@HOST`, {
    hint: "a port goes into --ssh-option Port=2222",
  });
}

/** As it stands after ssh's -o. */
export function sshOption(text: string): string {
  if (/^[A-Za-z][A-Za-z0-9]*[ =][^\p{Cc}]+$/u.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is no option of ssh's`, {
    hint: "such as IdentityFile=/root/.ssh/admin",
  });
}

export function byteSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new LuksmithError("usage", `${quoteText(text)} is not a size`, { hint: 'such as "500G" (powers of 1024)' });
}

/** What a random choice begins with: any short line. */
export function sampleSeed(text: string): string {
  if (/^[^\p{Cc}]{1,64}$/u.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is no seed`, { hint: "1 to 64 characters, such as 7f3a9c21" });
}

/** A user of this machine, by name or uid; whether there is one the agent knows. */
export function userName(text: string): string {
  if (/^[^\p{C}:/]{1,128}$/u.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the name of a user`, {
    hint: "getent passwd lists them",
  });
}

/** A verb of `access`; which ones there are the agent knows. */
export function verbName(text: string): string {
  if (/^[a-z][a-z-]{0,31}$/.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not a verb`, {
    hint: "verbs are those of `allow`: docs/configuration.md lists them",
  });
}

/** The name of a job or of a volume. */
export function jobOrVolumeName(text: string): string {
  return name(text, "job or a volume", "luksmith jobs and luksmith volume list show them");
}

/** In milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new LuksmithError("usage", `${quoteText(text)} is not a duration`, { hint: 'such as "30m" or "1h30m"' });
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

/** LUKS2 has 32 of them. */
export function slotNumber(text: string): number {
  if (/^([0-9]|[12][0-9]|3[01])$/.test(text)) return Number(text);
  throw new LuksmithError("usage", `${quoteText(text)} is not the number of a key slot`, {
    hint: "luksmith key list VOLUME shows them; they are from 0 to 31",
  });
}
