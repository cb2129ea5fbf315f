/** Whether a snapshot that was made out of an older one has what rsync found on the machine, and nothing besides. */

import { type Exec, mustRun } from "../../common/exec.ts";
import type { JobConfig } from "../config/job.ts";
import { wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { type RsyncKind, type RsyncStats, rsyncKinds } from "../tools/rsync-output.ts";

/** Whether there is as much of each kind as rsync counted on the machine. */
export async function isWhole(
  exec: Exec,
  { job, partial }: { job: JobConfig; partial: string },
  stats: RsyncStats,
  signal: AbortSignal,
): Promise<boolean> {
  const kinds = await countKinds(exec, partial, signal);
  // of a source "/" rsync counts the root directory as well
  const own = job.sources.some((source) => /^\/+$/.test(source)) ? 1 : 0;
  return rsyncKinds.every((kind) => kinds[kind] + (kind === "dir" ? own : 0) === stats.kinds[kind]);
}

/** Without the snapshot's own directory. */
async function countKinds(exec: Exec, directory: string, signal: AbortSignal): Promise<Record<RsyncKind, number>> {
  const kinds = { reg: 0, dir: 0, link: 0, dev: 0, special: 0 };
  await mustRun(exec, {
    file: "find",
    args: [directory, "-mindepth", "1", "-printf", "%y"],
    // although it may take long: it only reads, and the mount goes when we do
    brief: true,
    deadlineMs: wholeVolumeDeadlineMs,
    signal,
    onStdout: (chunk) => {
      for (const letter of chunk.toString("latin1")) kinds[kindOf(letter)] += 1;
    },
  });
  return kinds;
}

/** From %y of find(1). */
function kindOf(letter: string): RsyncKind {
  return ({ f: "reg", d: "dir", l: "link", b: "dev", c: "dev" } as const)[letter] ?? "special";
}
