/** Whether a job's directory is as luksmith leaves it. What is odd there does no harm to the snapshots, and is worth a look. */

import { join } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import type { Exec } from "../../common/exec.ts";
import { quoteText } from "../../common/quote.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { listDirectory } from "../tools/find.ts";
import { parseSnapshotName } from "./name.ts";
import { readPinned } from "./pinned.ts";

export interface JobDirectory {
  /** type is find's letter. */
  readonly entries: readonly { readonly name: string; readonly type: string }[];
  /** Where the link `latest` leads; undefined when there is none. */
  readonly latest: string | undefined;
}

/** Pure. @returns what is odd, in words */
export function oddities(job: string, { entries, latest }: JobDirectory): string[] {
  const named = entries.map((entry) => ({ ...entry, parsed: parseSnapshotName(entry.name) }));
  const finished = named
    .filter(({ type, parsed }) => type === "d" && parsed?.partial === false)
    .map(({ name }) => name);
  const newest = finished.toSorted().at(-1);
  const foreign = named.filter(({ name, type, parsed }) => name !== "latest" && (type !== "d" || parsed === undefined));
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
export async function findOddities(exec: Exec, filesDir: string, job: string, signal: AbortSignal): Promise<string[]> {
  const directory = join(filesDir, job);
  const args = ["--no-newline", "--", join(directory, "latest")];
  const [entries, link] = await allOrFirstError(
    listDirectory(exec, directory, signal),
    exec({ file: "readlink", args, brief: true, deadlineMs: volumeDeadlineMs, signal }),
    // what says which of them stay must be readable as well
    readPinned(exec, filesDir, job, signal),
  );
  if (entries === undefined) return [];
  return oddities(job, { entries, latest: link.exitCode === 0 ? link.stdout.toString("latin1") : undefined });
}
