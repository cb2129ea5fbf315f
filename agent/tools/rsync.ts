/** rsync(1), both ends on this machine: how it is called, and what its exit codes mean. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, type Finished, lastWords } from "../../common/exec.ts";
import { RecordSplitter } from "./record-splitter.ts";
import { type DestinationFault, type OnComplaint, RsyncComplaints } from "./rsync-complaints.ts";
import { isStatsLine, parseProgress, parseStats, type RsyncProgress, type RsyncStats } from "./rsync-output.ts";

/**
 * Everything about a file survives: recursion, links, modes, times, owners, devices; hard links, ACLs, xattrs, holes.
 * --modify-window=-1 compares times to the nanosecond: by default rsync takes two times within a second for the same,
 * and a file that was written twice in that second for unchanged.
 */
export const archiveArgs = [
  ...["--archive", "--hard-links", "--acls", "--xattrs", "--sparse", "--numeric-ids"],
  "--modify-window=-1",
] as const;

/** Half of the time between two looks at a run's progress. */
const outputGatherMs = 100;
/** rsync prints some fifteen; where it runs for a user, its words are the user's. */
const mostSummary = 100;
const blank = 0x20;

/** A copy has no deadline of its own: how long it may take depends on how much there is. The run can be cancelled. */
export interface CopySpec {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly stdin?: Uint8Array;
  readonly as?: Command["as"];
  /** See {@link Command.brief}. */
  readonly brief?: boolean;
  readonly onProgress?: (progress: RsyncProgress) => void;
  /** Told to end, it leaves the file that it was writing under its temporary name, to be gone on with. */
  readonly keepsUnfinished?: boolean;
  /** See {@link Command.onStart}. */
  readonly onStart?: Command["onStart"];
  /** The volume that the destination lies in, when it does: damage there is the backup host's doing. */
  readonly volume?: string;
  /** A line of --out-format, with its escapes still in it. */
  readonly onLine?: (line: Buffer) => void;
  /** A file that could not be read or kept whole; the name is as on disk. */
  readonly onComplaint: OnComplaint;
}

export interface CopyResult {
  /** Exit 23 or 24: some files were left out. */
  readonly incomplete: boolean;
  readonly stats: RsyncStats;
}

/**
 * Source: rsync(1), EXIT VALUES: 23 = partial transfer due to error, 24 = vanished source files.
 * @throws {LuksmithError} "full" when the destination is; "tampered" for a volume with damaged metadata; "tool_failed" when the destination or rsync itself fails
 */
export async function copy(exec: Exec, spec: CopySpec, signal: AbortSignal): Promise<CopyResult> {
  const output = new RecordSplitter(10);
  const complaints = new RsyncComplaints(spec.onComplaint);
  const summary: string[] = [];
  const onLine = (line: Buffer) => {
    const progress = parseProgress(line);
    if (progress !== undefined) spec.onProgress?.(progress);
    else if (isStatsLine(line)) {
      if (summary.length < mostSummary) summary.push(line.toString("latin1"));
    } else if (line.length > 0) spec.onLine?.(line);
  };
  const onStdout = (chunk: Buffer) => {
    let newest: Buffer | undefined;
    for (const line of output.push(returnsToNewlines(chunk))) {
      // of progress, a line for each file, only the last counts
      if (line[0] === blank) newest = line;
      else onLine(line);
    }
    if (newest !== undefined) onLine(newest);
  };
  const finished = await exec({
    file: "rsync",
    args: ["--info=progress2,stats2", "--outbuf=L", ...spec.args],
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...(spec.stdin === undefined ? {} : { stdin: spec.stdin }),
    as: spec.as,
    ...(spec.brief === undefined ? {} : { brief: spec.brief }),
    ...(spec.onStart === undefined ? {} : { onStart: spec.onStart }),
    ...(spec.keepsUnfinished === true ? { endsUntidily: true } : {}),
    signal,
    onStdout,
    gatherMs: outputGatherMs,
    onStderr: (chunk) => complaints.push(chunk),
  });
  onLine(output.flush());
  complaints.flush();
  judge(finished, complaints.destinationFault, spec.volume);
  return { incomplete: finished.exitCode !== 0, stats: parseStats(summary) };
}

function judge(finished: Finished, fault: DestinationFault | undefined, volume: string | undefined): void {
  if (fault?.kind === "full") throw new LuksmithError("full", "there is no room left", { cause: finished });
  if (fault?.kind === "damaged" && volume !== undefined) {
    throw new LuksmithError("tampered", `the file system of volume ${volume} is damaged: ${fault.said}`, {
      hint: `luksmith volume check ${volume}`,
      cause: finished,
    });
  }
  if (fault !== undefined) {
    throw new LuksmithError("tool_failed", `the destination failed: ${fault.said}`, {
      hint: "luksmith doctor",
      cause: finished,
    });
  }
  if (finished.exitCode === 0 || finished.exitCode === 23 || finished.exitCode === 24) return;
  throw new LuksmithError("tool_failed", `rsync failed: ${lastWords(finished)}`, { cause: finished });
}

/** progress2 redraws its line with carriage returns; in names rsync escapes them. Changes the chunk in place. */
function returnsToNewlines(chunk: Buffer): Buffer {
  for (let at = chunk.indexOf(13); at !== -1; at = chunk.indexOf(13, at)) chunk[at] = 10;
  return chunk;
}
