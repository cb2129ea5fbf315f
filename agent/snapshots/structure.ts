/** Whether a job's directory is as luksmith leaves it. What is odd there does no harm to the snapshots, and is worth a look. */

import { join } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import { quoteText } from "../../common/quote.ts";
import type { Host } from "../system/host.ts";
import { listDirectory } from "../tools/find.ts";
import { type Found, latestOf, newestFinished, snapshotEntries } from "./entries.ts";
import { parseSnapshotName } from "./name.ts";
import { readPinned } from "./pinned.ts";

/** Pure. @returns what is odd, in words */
export function oddities(job: string, found: readonly Found[], now: Date): string[] {
  const newest = newestFinished(snapshotEntries(found, now))?.name;
  const latest = latestOf(found);
  const foreign = found.filter(
    ({ name, type }) => name !== "latest" && (type !== "d" || parseSnapshotName(name) === undefined),
  );
  return [
    ...foreign.map(({ name }) => `job ${job}: ${quoteText(name)} is in its directory, and no snapshot of luksmith's`),
    ...(latest === newest
      ? []
      : [
          latest === undefined
            ? `job ${job}: the link \`latest\` is missing; the next backup makes it`
            : `job ${job}: the link \`latest\` leads to ${quoteText(latest)}, and the newest snapshot is ${newest ?? "none"}; the next backup puts it right`,
        ]),
  ];
}

/** @throws {LuksmithError} "tool_failed" when something of it cannot be read */
export async function findOddities(
  { exec, clock }: Pick<Host, "exec" | "clock">,
  filesDir: string,
  job: string,
  signal: AbortSignal,
): Promise<string[]> {
  const [found] = await allOrFirstError(
    listDirectory(exec, join(filesDir, job), signal),
    // what says which of them stay must be readable as well
    readPinned(exec, filesDir, job, signal),
  );
  return found === undefined ? [] : oddities(job, found, clock.now());
}
