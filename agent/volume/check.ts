/** Looking a volume over without changing it: stored header, file system, identity, snapshots. */

import { LuksmithError } from "../../common/errors.ts";
import { formatBytes, plural } from "../../common/units.ts";
import { filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { listSnapshots } from "../snapshots/list.ts";
import { findOddities } from "../snapshots/structure.ts";
import { withRelease } from "../stack/attach.ts";
import { recoverFilesystem, replayJournal } from "../stack/filesystem.ts";
import { type Opened, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { FilesystemError, JournalError } from "../tools/filesystem.ts";
import { readIdentity, requireIdentity } from "./identity.ts";
import { KeyChange } from "./key-change.ts";
import type { PinStore } from "./pin.ts";
import { headerDifference } from "./stored-header.ts";

/** @throws {LuksmithError} "tampered" when anything is not as it was left; every finding is a warning of the run */
export async function checkVolume(
  host: Host,
  pins: PinStore,
  target: Target,
  options: { acceptRollback: boolean; repair: boolean; jobs: readonly string[] },
  run: RunContext,
): Promise<RunResult> {
  const { volume, pin } = target;
  const faults: string[] = [];
  const fault = (what: string) => {
    faults.push(what);
    run.warn(what);
  };
  const stack = new Stack(host, volume.name);
  const mend = options.repair ? filesystemKinds[pin.filesystem].mend : undefined;
  let wasSound = true;
  const found = await withRelease(stack, run, async () => {
    const opened = await stack.open(target, options.repair ? "write" : "read", run);
    const keyChange = new KeyChange(host, pins, target);
    if (await keyChange.isUnfinished()) {
      if (opened.isWritable) await keyChange.finish(opened, run);
      else fault("a change of its keys has not reached the stored header yet");
    }
    await run.step("compare the stored header", async () => {
      const difference = await headerDifference(host.exec, target.headerFile, opened);
      if (difference !== undefined) fault(difference);
    });
    if (options.repair) {
      // where it can still be read, nothing is written to a file system that is not the one that was made there
      if (opened.superblock !== undefined && opened.superblock.uuid !== pin.filesystemUuid) throw notThisFilesystem();
      wasSound = await run.step("repair", () => repairFilesystem(host, stack, target, opened, run));
      if (!wasSound) run.note("mended the file system: luksmith verify shows what it cost");
    } else await run.step("check the file system", () => checkFilesystem(host, target, opened, run, fault));
    await stack.mount(target, opened, mend === undefined ? "read" : "write", run);
    const { filesDir } = stack.names;
    const identity = await readIdentity(host.exec, filesDir, opened.signal);
    requireIdentity(identity, pin, volume.name, options.acceptRollback);
    if (mend !== undefined) {
      const { mended, left } = await run.step("mend", () => mend(host.exec, filesDir, opened.signal));
      if (mended > 0) run.note(`mended ${plural(mended, "block")} of metadata from the second copy`);
      if (left > 0) fault(`${plural(left, "block")} damaged that have no second copy; verify --scrub names the files`);
      wasSound = wasSound && mended + left === 0;
    }
    if (options.repair && wasSound) run.note("there was nothing to repair");
    const snapshots = await listSnapshots(host, filesDir, options.jobs, opened.signal);
    for (const job of options.jobs) {
      for (const oddity of await findOddities(host, filesDir, job, opened.signal)) run.warn(oddity);
    }
    const stat = await opened.image.stat(opened.signal);
    return { generation: identity.generation, snapshots, allocated: stat?.allocatedBytes ?? 0 };
  });
  if (faults.length > 0) {
    throw new LuksmithError("tampered", `volume ${volume.name}: ${faults.join("; ")}`, {
      hint: `backups stay encrypted by the pinned header; to put the stored one right, on the backup host: dd if=header.luks of=${volume.image} conv=notrunc, with ${target.headerFile}`,
    });
  }
  await pins.write(volume.name, { ...pin, generation: found.generation, unclean: false });
  const finished = found.snapshots.filter((snapshot) => !snapshot.partial).length;
  return {
    state: "done",
    summary: `volume ${volume.name} is in order: generation ${found.generation}, ${plural(finished, "snapshot")}, ${formatBytes(found.allocated)} of ${formatBytes(pin.imageBytes)} used on ${target.remote.name}`,
  };
}

function notThisFilesystem(): LuksmithError {
  return new LuksmithError("tampered", "the image does not hold the file system of this volume", {
    hint: "its content has been overwritten or exchanged on the backup host",
  });
}

/**
 * e2fsck empties the journal whatever becomes of what it writes, so that nothing of it is begun where the host takes no data.
 * @returns whether it was in order from the start
 */
async function repairFilesystem(
  host: Host,
  { aftermath }: Stack,
  { pin }: Target,
  { device, names, signal }: Opened,
  run: RunContext,
): Promise<boolean> {
  const requireRoom = async () => {
    const trouble = await aftermath.hostTrouble();
    if (trouble !== undefined) throw trouble;
  };
  await requireRoom();
  try {
    await replayJournal(host, { device, names, pin }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof JournalError)) throw error;
    // a replay may have taken the last of it
    await requireRoom();
    run.warn(`${error.message}: what of it cannot be read is given up`);
  }
  return filesystemKinds[pin.filesystem].repair(host.exec, device, signal);
}

async function checkFilesystem(
  host: Host,
  { pin }: Target,
  { device, names, signal, isWritable }: Opened,
  run: RunContext,
  fault: (what: string) => void,
) {
  const kind = filesystemKinds[pin.filesystem];
  const superblock = await kind.readSuperblock(host.exec, device, signal);
  if (superblock?.uuid !== pin.filesystemUuid) throw notThisFilesystem();
  if (!superblock.clean && !isWritable) return;
  if (!superblock.clean) {
    run.note("the file system was not unmounted cleanly the last time");
    await recoverFilesystem(host, { device, names, pin }, signal);
  }
  await kind.look(host.exec, device, signal).catch((error: unknown) => {
    if (signal.aborted || !(error instanceof FilesystemError)) throw error;
    fault(error.message);
  });
}
