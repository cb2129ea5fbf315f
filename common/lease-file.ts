/**
 * What stands in a lease: the file beside an image that says which machine has it attached. For people and machines alike;
 * it keeps two machines of good will apart, while a hostile host can do as it likes with the image anyway. Pure.
 */

import * as z from "zod";
import { parseJson } from "./parse-json.ts";
import { escapeControls } from "./quote.ts";

/** Of one that cannot be read. */
const defaultLeaseMs = 300_000;
const longestLeaseMs = 24 * 3_600_000;
/** Always as long, so that a renewal writes over all of what was there. */
const fileBytes = 1024;
const shortText = z.string().max(100);

const leaseSchema = z.object({
  format: z.literal(1),
  /** Another one for each attachment. */
  token: z.uuid(),
  machine: shortText,
  run: shortText,
  /** Milliseconds without a renewal after which it is no longer valid. */
  leaseMs: z.int().min(1000).max(longestLeaseMs),
  /** By the machine's own clock, for people. */
  takenAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});

export type LeaseContent = z.infer<typeof leaseSchema>;

/** A lease as another machine sees it. */
export interface ForeignLease {
  /** What a successor's name is made of; unique to this lease. */
  readonly id: string;
  /** For an error message. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Whether it is one of ours, from an attachment that was cut short. */
  readonly token: string | undefined;
}

export function renderLease(content: LeaseContent): string {
  const text = JSON.stringify(leaseSchema.parse(content));
  // in front of the line break, so that what is cut off shows
  return `${text.padEnd(fileBytes - 1)}\n`;
}

/** @param text undefined when it is no regular file, or cannot be read @param mtimeSeconds stands for a token that is missing */
export function parseLease(text: string | undefined, mtimeSeconds: number): ForeignLease {
  const parsed = leaseSchema.safeParse(parseJson(text ?? ""));
  if (parsed.success) {
    const { token, machine, run, leaseMs } = parsed.data;
    return { id: token, token, leaseMs, owner: escapeControls(`${machine} (run ${run})`) };
  }
  const owner = "a lease that cannot be read as one of luksmith's";
  return { id: `unreadable-${Math.trunc(mtimeSeconds)}`, token: undefined, owner, leaseMs: defaultLeaseMs };
}

export type Verdict =
  /** The host's clock says that it would have been renewed by now. */
  | { readonly state: "expired"; readonly sinceMs: number }
  | { readonly state: "valid"; readonly forMs: number }
  /** It was written in the future: the host's clock has been set back. */
  | { readonly state: "unclear" };

/** By one clock, the host's, whatever those of the machines say. */
export function judgeLease(writtenSeconds: number, hostNowSeconds: number, leaseMs: number): Verdict {
  const ageMs = (hostNowSeconds - writtenSeconds) * 1000;
  // SFTP's times are whole seconds
  if (ageMs < -2000) return { state: "unclear" };
  return ageMs > leaseMs ? { state: "expired", sinceMs: ageMs - leaseMs } : { state: "valid", forMs: leaseMs - ageMs };
}

/** So often is a lease renewed in its time. */
const renewalsPerLease = 5;
const trustedShare = 0.8;
const watchedShare = 0.9;

export function renewalMs(leaseMs: number): number {
  return leaseMs / renewalsPerLease;
}

/** A lease that could not be renewed for so long is not relied on any more. */
export function trustMs(leaseMs: number): number {
  return leaseMs * trustedShare;
}

/**
 * For so long an expired one is watched: who has not renewed it by then has given it up, whatever the host's clock was doing.
 * Longer than {@link trustMs}.
 */
export function watchMs(leaseMs: number): number {
  return leaseMs * watchedShare;
}
