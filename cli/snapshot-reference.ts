/** JOB, JOB@latest, JOB@NAME or JOB@TIME, as it is typed. Which snapshot that is, the agent decides. */

import { LuksmithError } from "../common/errors.ts";
import { quoteText } from "../common/quote.ts";
import { jobName, snapshotName } from "./names.ts";

export interface SnapshotReference {
  readonly job: string;
  /** Empty for the newest. */
  readonly snapshot: string;
}

/** @throws {LuksmithError} "usage" */
export function parseSnapshotReference(text: string): SnapshotReference {
  const at = text.indexOf("@");
  if (at === -1) return { job: jobName(text), snapshot: "" };
  const job = jobName(text.slice(0, at));
  const which = text.slice(at + 1);
  if (which === "") {
    throw new LuksmithError("usage", `${quoteText(text)} names no snapshot after the "@"`, {
      hint: `${job} alone means the newest; luksmith snapshots ${job} lists them all`,
    });
  }
  return { job, snapshot: snapshotOf(which) };
}

/** What stands behind the "@", by itself. @throws {LuksmithError} "usage" */
export function snapshotOf(text: string): string {
  // date and time with a blank between them is how most programs print it
  return snapshotName(text.replace(/^(\d{4}-\d{2}-\d{2}) (?=\d)/, "$1T"));
}
