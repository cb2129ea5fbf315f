/**
 * Verifying a volume without its sources: of what has checksums of its own, the kernel reads all that is in use, in every snapshot.
 * Nothing is written. A scrub counts, and the kernel's log names a few of what it has found; so when there is anything, the files are
 * found by reading them.
 */

import { pause } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { formatBytes, plural } from "../../common/units.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { ProgressMeter } from "../runs/progress-meter.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import { blockIo } from "../system/block-io.ts";
import type { Host } from "../system/host.ts";
import { bytesInUse, type ScrubFigures, scrub } from "../tools/btrfs-scrub.ts";
import { noticeLoss } from "../transport/transport.ts";
import type { PinStore } from "../volume/pin.ts";
import { type Damage, damagedFiles } from "./damaged-files.ts";

/** As many as a run keeps items. */
const mostTold = 10_000;
const lookEveryMs = 500;

/** @throws {LuksmithError} "usage" */
export function requireNoSnapshot(job: string, { snapshot }: { snapshot: string }): void {
  if (snapshot === "") return;
  throw new LuksmithError("usage", "a scrub is of the whole volume, not of one snapshot", {
    hint: `luksmith verify ${job} --scrub`,
  });
}

/** @throws {LuksmithError} "usage" for a file system without checksums; "tampered" when one of them is wrong */
export async function scrubVolume(
  host: Host,
  pins: PinStore,
  target: Target,
  { job, acceptRollback }: { job: string; acceptRollback: boolean },
  run: RunContext,
): Promise<RunResult> {
  const { name } = target.volume;
  if (target.pin.filesystem !== "btrfs") {
    throw new LuksmithError("usage", `volume ${name} has ${target.pin.filesystem}, which has no checksums of files`, {
      hint: `compare them with their sources: luksmith verify ${job}`,
    });
  }
  return withVolume(host, pins, target, { mode: "read", acceptRollback }, run, async (attached) => {
    const figures = await run.step("scrub", () => scrubWithProgress(host, attached, run));
    const { bytes, unreadable, wrong, superblocks } = figures;
    if (unreadable + wrong + superblocks === 0) {
      return { state: "done", summary: `volume ${name}: ${formatBytes(bytes)} read, every checksum is right` };
    }
    const damage = await run.step("find the files", () => findFiles(host, attached, run));
    // what cannot be reached cannot be read either
    if (await noticeLoss(host.clock, attached.lost)) throw attached.lost.reason;
    for (const { path, bytes: size } of damage.files) {
      run.item({ action: Item_Action.DIFFERS, path, size });
      run.warn("cannot be read: it is not what was written", path);
    }
    throw tampered(name, figures, damage);
  });
}

function tampered(volume: string, figures: ScrubFigures, { files, incomplete }: Damage): LuksmithError {
  const { unreadable, wrong, superblocks } = figures;
  const blocks = [
    ...(wrong > 0 ? [`the checksums of ${plural(wrong, "block")} are wrong`] : []),
    ...(unreadable > 0 ? [`${plural(unreadable, "block")} cannot be read`] : []),
    ...(superblocks > 0 ? ["a copy of the superblock is damaged"] : []),
  ].join(", ");
  if (files.length > 0 || incomplete) {
    const some = incomplete ? ", and not all of it can be looked into" : "";
    return new LuksmithError(
      "tampered",
      `volume ${volume}: ${blocks}; ${plural(files.length, "file")} damaged${some}`,
      {
        hint: "the backup host or its disk has altered data: see the run's warnings for the files, by snapshot; the next backup does not replace what it takes for unchanged: touch those files, then back up",
      },
    );
  }
  return new LuksmithError("tampered", `volume ${volume}: ${blocks}; no file is damaged`, {
    hint: `it is metadata of which there is a second copy, or what no file uses any more; to mend the first: luksmith volume check ${volume} --repair`,
  });
}

async function scrubWithProgress(host: Host, { filesDir, device, signal }: Attached, run: RunContext) {
  const bytesTotal = await bytesInUse(host.exec, filesDir, signal);
  const before = (await blockIo(device))?.readBytes ?? 0;
  const meter = new ProgressMeter("scrub");
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const bytesDone = Math.min(bytesTotal, ((await blockIo(device))?.readBytes ?? before) - before);
      const figures = { bytesDone, bytesTotal, filesDone: 0, filesTotal: undefined };
      run.progress(meter.update({ atMs: host.clock.monotonicMs(), ...figures }));
      await pause(host.clock, lookEveryMs, over.signal);
    }
  })();
  try {
    return await scrub(host.exec, filesDir, { mends: false }, signal);
  } finally {
    over.abort();
    await watching.catch(() => undefined);
  }
}

function findFiles(host: Host, { filesDir, signal }: Attached, run: RunContext): Promise<Damage> {
  const meter = new ProgressMeter("find the files");
  const onRead = (bytesDone: number, filesDone: number) => {
    const figures = { bytesDone, bytesTotal: undefined, filesDone, filesTotal: undefined };
    run.progress(meter.update({ atMs: host.clock.monotonicMs(), ...figures }));
  };
  return damagedFiles(host.exec, filesDir, { onRead, mostTold }, signal);
}
