/** The uppermost layer: the file system in the mapping, mounted where only root gets in. */

import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { waitUntil } from "../../common/wait-until.ts";
import { filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext } from "../runs/context.ts";
import { dmDevice } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { blockDeviceOf, mountedAt } from "../system/mountinfo.ts";
import { FilesystemError, JournalError, type Superblock } from "../tools/filesystem.ts";
import { mountFilesystem, unmount } from "../tools/mount.ts";
import type { Pin } from "../volume/pin.ts";
import { foreignMount } from "./held.ts";
import type { StackNames } from "./names.ts";

/** What a backup left in memory may have to cross a slow link before umount returns. */
const flushDeadlineMs = 30 * 60_000;
/** Once nothing can be written any more, there is nothing to wait for. */
const brokenDeadlineMs = 10_000;
/** Of whoever still has something open there: a child that was told to end, or an administrator who looks around. */
const busyPatienceMs = 3000;
const mountOptions = [
  // links are kept, and read by whoever restores them; nothing of ours goes through one
  "nosymfollow",
  "nodev",
  "nosuid",
  "noexec",
  "noatime",
];

/**
 * Looks at the superblock, repairs what an unclean end left, and mounts. The release must be registered before.
 * @throws {LuksmithError} "tampered" when the image does not hold the file system that was made there
 */
export async function mountVolume(
  host: Host,
  spec: {
    device: string;
    names: StackNames;
    pin: Pin;
    /** Of what is written; for a file system that compresses. */
    compression: string | undefined;
    mode: "read" | "write";
    /** The journal may be replayed and errors mended; otherwise nothing at all is written. */
    mayRepair: boolean;
    /** Read already, on the way. */
    superblock?: Superblock | undefined;
  },
  run: Pick<RunContext, "note" | "warn">,
  signal: AbortSignal,
): Promise<void> {
  const kind = filesystemKinds[spec.pin.filesystem];
  const superblock = spec.superblock ?? (await kind.readSuperblock(host.exec, spec.device, signal));
  if (superblock?.uuid !== spec.pin.filesystemUuid) {
    throw new LuksmithError("tampered", "the image does not hold the file system of this volume", {
      hint: `its content has been overwritten or exchanged: luksmith volume check ${spec.names.volume}`,
    });
  }
  const { always, write, asItIs } = kind.mountOptions;
  // not compress-force: of what does not shrink at its beginning, the kernel need not try the rest
  const compress = spec.compression === undefined ? [] : [`compress=${spec.compression}`];
  const options = [...mountOptions, ...always, ...(spec.mode === "read" ? ["ro"] : [...write, ...compress])];
  const isRecovered = superblock.clean || (await recover(host, spec, run, signal));
  // also when it was clean: whoever has the image may have begun to write since
  if (!isRecovered || !spec.mayRepair) options.push(...asItIs);
  await mountFilesystem(host.exec, spec.device, spec.names.filesDir, spec.pin.filesystem, options, signal);
}

export interface Unmounted {
  readonly device: string;
  readonly names: StackNames;
  readonly pin: Pin;
}

/**
 * Has the kernel write down what the journal holds. The release must be registered before.
 * @throws {JournalError} "tool_failed" when it stays there: the backup host does not take it, or the journal is damaged
 */
export async function replayJournal(host: Host, { device, names, pin }: Unmounted, signal: AbortSignal): Promise<void> {
  const { exec } = host;
  const kind = filesystemKinds[pin.filesystem];
  if (!(await kind.hasJournalToReplay(exec, device, signal))) return;
  try {
    const options = [...mountOptions, ...kind.mountOptions.always, "ro"];
    await mountFilesystem(exec, device, names.filesDir, pin.filesystem, options, signal);
  } catch (cause) {
    signal.throwIfAborted();
    // what fails once the journal is empty is for the check that follows
    if (!(await kind.hasJournalToReplay(exec, device, signal))) return;
    throw new JournalError("tool_failed", `the journal cannot be replayed: ${asLuksmithError(cause).message}`, {
      hint: `nothing in it is lost. Does the backup host take data? If it does, the journal is damaged: copy the image there, then: luksmith volume check ${names.volume} --repair`,
      cause,
    });
  }
  await unmountWhenFree(host, names.filesDir, () => signal.aborted);
}

/**
 * Replays the journal, and mends what is safe to mend.
 * @throws {JournalError | FilesystemError} "tool_failed"
 */
export async function recoverFilesystem(host: Host, unmounted: Unmounted, signal: AbortSignal): Promise<void> {
  await replayJournal(host, unmounted, signal);
  await filesystemKinds[unmounted.pin.filesystem].recover(host.exec, unmounted.device, signal);
}

function needsRepair({ message }: FilesystemError, volume: string): LuksmithError {
  return new LuksmithError("tool_failed", message, {
    hint: `nothing was mounted or forced; copy the image on the backup host, then: luksmith volume check ${volume} --repair`,
  });
}

/** @returns false when the journal stays as it is: what is finished can be read without what is in it */
async function recover(
  host: Host,
  { mode, mayRepair, ...unmounted }: Unmounted & { mode: "read" | "write"; mayRepair: boolean },
  run: Pick<RunContext, "note" | "warn">,
  signal: AbortSignal,
): Promise<boolean> {
  if (!mayRepair) {
    run.note("the file system was not unmounted cleanly the last time, and cannot be recovered: reading it as it is");
    return false;
  }
  run.note("the file system was not unmounted cleanly the last time: recovering it");
  try {
    await recoverFilesystem(host, unmounted, signal);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    // a host that takes no data, such as a full one, still gives back what it has
    if (error instanceof FilesystemError) throw needsRepair(error, unmounted.names.volume);
    if (mode === "write") throw error;
    run.warn(
      `${asLuksmithError(error).message}: reading without what is in the journal; the newest changes and snapshots may be missing`,
    );
    return false;
  }
}

/**
 * Writes out and unmounts. When the layers below are gone it does not wait for them, and takes the mount out of the
 * tree at last.
 * @param isLost whether the transport below is known to be dead
 * @param breakTransport makes whatever hangs on the transport fail
 */
export async function releaseFilesystem(
  host: Host,
  names: StackNames,
  isLost: () => boolean,
  breakTransport: () => Promise<void>,
): Promise<void> {
  const gone = async () => (await mountedAt(names.filesDir)) === undefined;
  if (await gone()) return;
  if (!(await isOwnMount(names))) throw foreignMount(names.filesDir);
  const attempts: [string, () => Promise<void>][] = [
    ["unmount", () => unmountWhenFree(host, names.filesDir, isLost)],
    ["break the transport", breakTransport],
    ["unmount again", () => unmount(host.exec, names.filesDir, brokenDeadlineMs)],
    ["unmount lazily", () => unmount(host.exec, names.filesDir, brokenDeadlineMs, "lazy")],
  ];
  for (const [what, attempt] of attempts) {
    await attempt().catch((error: unknown) => host.log.warn({ err: error, volume: names.volume }, `could not ${what}`));
    if (await gone()) return;
  }
  throw new LuksmithError("tool_failed", `${names.filesDir} is still mounted`, { hint: "luksmith doctor" });
}

/**
 * Takes the mount out of mount namespaces that somebody has made meanwhile: each user may, and each has a copy of all that is mounted, which
 * keeps the file system in use for as long as the namespace is there. The kernel lets go of them when the directory is removed that they are
 * on. By a child, because then only does it write out. Source: mount_namespaces(7), "the mount point is ... unlinked, renamed, or removed"
 */
export async function letGoElsewhere(
  { exec }: Pick<Host, "exec">,
  { filesDir }: StackNames,
  isLost: () => boolean,
): Promise<void> {
  const deadlineMs = isLost() ? brokenDeadlineMs : flushDeadlineMs;
  // what is not empty, or not there, is for the one who removes it later
  await exec({ file: "rmdir", args: ["--", filesDir], brief: true, deadlineMs });
}

async function isOwnMount({ filesDir, mapping }: StackNames): Promise<boolean> {
  const [mount, dm] = await Promise.all([mountedAt(filesDir), dmDevice(mapping)]);
  return mount !== undefined && dm !== undefined && (await blockDeviceOf(mount)) === dm.device;
}

async function unmountWhenFree(host: Host, filesDir: string, isLost: () => boolean): Promise<void> {
  let failure: unknown;
  const unmounted = async () => {
    failure = undefined;
    await unmount(host.exec, filesDir, isLost() ? brokenDeadlineMs : flushDeadlineMs).catch((error: unknown) => {
      failure = error;
    });
    return failure === undefined;
  };
  await waitUntil(host.clock, isLost() ? 0 : busyPatienceMs, unmounted);
  if (failure !== undefined) throw failure;
}
