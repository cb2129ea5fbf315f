/**
 * TRIM: what is free in the volume is given back to the backup host. By nbd whatever the volume is usually reached by, since SFTP
 * cannot punch holes: there fstrim reports success, and frees nothing.
 */

import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import { freeBytes } from "../backup/room.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { ProgressMeter } from "../runs/progress-meter.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { trimFilesystem } from "../tools/fstrim.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { PinStore } from "./pin.ts";

export interface TrimOptions {
  readonly dryRun: boolean;
}

/** @throws {LuksmithError} "refused" when the storage cannot punch holes, or no helper answers */
export async function trimVolume(
  host: Host,
  pins: PinStore,
  target: Target,
  { dryRun }: TrimOptions,
  run: RunContext,
): Promise<RunResult> {
  const { name } = target.volume;
  const { name: remote } = target.remote;
  const requires = ({ image }: Pick<Attached, "image">) => {
    if (image.whyNoHoles === undefined) return;
    throw new LuksmithError("refused", `${remote} cannot give space back: ${image.whyNoHoles}`, {
      hint: "its storage has to be a file system with sparse files, such as ext4, xfs or btrfs; nothing was changed",
    });
  };
  const attach = {
    mode: dryRun ? "read" : "write",
    acceptRollback: false,
    open: { needs: "nbd", discards: !dryRun, requires },
  } as const;
  return withVolume(host, pins, target, attach, run, async (attached) => {
    const before = await allocatedBytes(attached, target);
    if (dryRun) {
      const free = await freeBytes(host.exec, attached.filesDir, attached.signal);
      const used = target.pin.imageBytes - free;
      const back = Math.max(0, before - used);
      return { state: "done", summary: `volume ${name}: ${remote} would get back about ${formatBytes(back)}` };
    }
    await attached.recordGeneration();
    const claimed = await run.step("trim", () => trim(host, target, attached, run));
    const after = await allocatedBytes(attached, target);
    run.note(`${formatBytes(claimed)} of the volume were free; what counts is what the backup host got back`);
    const change = `its image has ${formatBytes(after)} there, it had ${formatBytes(before)}`;
    const back = formatBytes(Math.max(0, before - after));
    return { state: "done", summary: `volume ${name}: ${remote} got back ${back} (${change})` };
  });
}

/** @returns how much fstrim says that it has told of */
async function trim(
  host: Host,
  { pin }: Target,
  { filesDir, filesystem, signal }: Attached,
  run: RunContext,
): Promise<number> {
  // a removal that is not committed yet frees nothing
  await filesystem.settle(host.exec, filesDir, signal);
  const meter = new ProgressMeter("trim");
  const bytesTotal = pin.imageBytes - pin.dataOffsetBytes;
  let claimed = 0;
  for (const range of filesystem.trimRanges(bytesTotal)) {
    claimed += await trimFilesystem(host.exec, filesDir, range, signal);
    const bytesDone = Math.min(bytesTotal, range.offset + range.length);
    const figures = { bytesDone, bytesTotal, filesDone: 0, filesTotal: undefined };
    run.progress(meter.update({ atMs: host.clock.monotonicMs(), ...figures }));
  }
  await syncFilesystem(host.exec, filesDir, signal);
  return claimed;
}

async function allocatedBytes({ image, signal }: Attached, { volume, remote }: Target): Promise<number> {
  const stat = await image.stat(signal);
  if (stat !== undefined) return stat.allocatedBytes;
  throw new LuksmithError("not_found", `the image ${volume.image} is not on ${remote.name} any more`);
}
