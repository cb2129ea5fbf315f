/** Comparing a snapshot with the files it was made of, content and all. */

import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import type { Running } from "../../common/exec.ts";
import { plural } from "../../common/units.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import { copyProgress } from "../backup/copy-progress.ts";
import { selectionArgs } from "../backup/selection.ts";
import { copyFromSource } from "../backup/source-copy.ts";
import type { SourcedJob } from "../backup/sourced-job.ts";
import { requireSources } from "../backup/sources.ts";
import { snapshotPath } from "../restore/paths.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { readRecords } from "../snapshots/record.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { itemFormat, parseItem } from "../tools/rsync-output.ts";
import { noticeLoss } from "../transport/transport.ts";
import type { PinStore } from "../volume/pin.ts";
import { withWarming } from "../warm/warming.ts";
import { compareWithSource } from "./against-source.ts";
import { classify } from "./classify.ts";
import type { SampleFile } from "./sample.ts";

/** As many as a run keeps items. */
const mostTold = 10_000;

export interface VerifyOptions {
  readonly snapshot: string;
  readonly acceptRollback: boolean;
}

/** @throws {LuksmithError} "tampered" when a file that has not been touched since has another content in the snapshot */
export async function verify(
  host: Host,
  pins: PinStore,
  job: SourcedJob,
  target: Target,
  options: VerifyOptions,
  run: RunContext,
): Promise<RunResult> {
  const precondition = async (signal: AbortSignal) => {
    // which ones a user had named is known when the volume is there
    if (job.sources.length > 0) await requireSources(host.exec, job, signal);
  };
  const attach = { mode: "read", acceptRollback: options.acceptRollback, job: job.name, precondition } as const;
  return withVolume(host, pins, target, attach, run, async ({ filesDir, entries, signal, lost, device }) => {
    const snapshot = selectSnapshot(entries, job.name, options.snapshot);
    const counts = { equal: 0, differs: 0, changed: 0, added: 0 };
    // such as were written to while they were read: they are looked at once more
    const suspects: SampleFile[] = [];
    let unreadable = 0;
    const onLine = (line: Buffer) => {
      const item = parseItem(line);
      const verdict = item && classify(item.changes);
      if (item === undefined || verdict === undefined) return;
      counts[verdict] += 1;
      if (verdict === "differs" && suspects.length < mostTold) {
        suspects.push({ path: snapshotPath(item.path), bytes: item.size });
      }
    };
    const directory = join(filesDir, job.name, snapshot.name);
    const sources = await sourcesOf(host, job, { filesDir, snapshot: snapshot.name }, signal);
    // its reader is the one that reads the machine's files, at the same pace
    const warmed = { device, starts: [Buffer.from(directory)], files: true };
    const compare = (onStart: (running: Running) => void) =>
      copyFromSource(
        host,
        job.as,
        {
          // --checksum reads every file on both sides; itemized twice, unchanged ones are listed too
          args: [
            ...["--dry-run", "--checksum", "-ii", `--out-format=${itemFormat}`],
            ...selectionArgs(job, host.runtimeDir),
          ],
          sources,
          into: directory,
          isDry: true,
          volume: job.volume,
          onStart,
          onLine,
          onProgress: copyProgress(host.clock, run, "compare"),
          onComplaint: (message, path) => {
            unreadable += 1;
            run.warn(message, path);
          },
        },
        signal,
      );
    const result = await run.step("compare", () => withWarming(host, warmed, signal, compare));
    // to rsync, what cannot be read has another content
    if (suspects.length > 0 && (await noticeLoss(host.clock, lost))) throw lost.reason;
    const again = { below: directory, files: suspects, volume: job.volume, as: job.as };
    const { equal, differing, changed } = await compareWithSource(host, again, () => undefined, signal);
    counts.equal += equal.length;
    counts.changed += changed.length;
    counts.differs -= equal.length + changed.length;
    const summary = `${plural(counts.equal, "file")} equal, ${counts.differs} different, ${counts.changed} changed and ${counts.added} new since snapshot ${snapshot.name}`;
    if (counts.differs > 0) {
      if (await noticeLoss(host.clock, lost)) throw lost.reason;
      for (const { path: inSnapshot, bytes } of differing) {
        const path = Buffer.concat([Buffer.from("/"), inSnapshot]);
        run.item({ action: Item_Action.DIFFERS, path, size: bytes });
        run.warn("its content in the snapshot is not what it was backed up from", path);
      }
      throw new LuksmithError("tampered", `job ${job.name}: ${summary}`, {
        hint: "the backup host, its disk or this machine's has altered data: see the run's warnings for the files",
      });
    }
    return {
      state: result.incomplete || unreadable > 0 ? "incomplete" : "done",
      snapshot: snapshot.name,
      summary,
      totals: {
        files: result.stats.files,
        bytes: result.stats.bytes,
        filesEqual: counts.equal,
        filesDiffering: counts.differs,
        filesChangedSince: counts.changed,
      },
    };
  });
}

/** A user may name others each time. @throws {LuksmithError} "not_found" when nobody knows any more which ones they were */
async function sourcesOf(
  { exec }: Host,
  job: SourcedJob,
  { filesDir, snapshot }: { filesDir: string; snapshot: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (job.as === undefined) return job.sources;
  const recorded = (await readRecords(exec, filesDir, job.name, signal)).get(snapshot);
  const sources = recorded?.sources ?? job.sources;
  if (sources.length > 0) return sources;
  throw new LuksmithError("not_found", `nothing is recorded of what snapshot ${snapshot} was made of`, {
    hint: `luksmith verify ${job.name} --spot compares files by their names`,
  });
}
