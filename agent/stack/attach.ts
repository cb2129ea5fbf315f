/** Attach and detach: a volume brought up, used, and taken down again, whatever happens between. */

import { rm } from "node:fs/promises";
import { allOrFirstError } from "../../common/all-settled.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { type FilesystemKind, filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext } from "../runs/context.ts";
import type { SnapshotEntry } from "../snapshots/entries.ts";
import { readJobDirectory } from "../snapshots/list.ts";
import type { Host } from "../system/host.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { AttachMode } from "../transport/transport.ts";
import { growFilesystem } from "../volume/grow-filesystem.ts";
import { readIdentity, requireIdentity, writeIdentity } from "../volume/identity.ts";
import { KeyChange } from "../volume/key-change.ts";
import { movedBlocksFile, type PinStore, settledByWriting } from "../volume/pin.ts";
import type { StackNames } from "./names.ts";
import { type Opened, type OpenOptions, Stack, type Target } from "./stack.ts";

export interface Attached extends Opened {
  readonly filesDir: string;
  readonly filesystem: FilesystemKind;
  /** What is in the job's directory, oldest first. */
  readonly entries: readonly SnapshotEntry[];
  /**
   * Puts the new generation into the file system; once, however often it is called. Best begun beside something else, and
   * to be awaited before the work's last sync, which makes it durable. When it fails, {@link signal} is aborted.
   */
  readonly recordGeneration: () => Promise<void>;
  readonly generation: number;
}

export interface AttachOptions {
  readonly mode: AttachMode;
  readonly acceptRollback: boolean;
  /** Its directory is read while the volume's identity is: what is in it is {@link Attached.entries}. */
  readonly job?: string;
  /** Asked beside the connecting: what it throws ends the attachment before the volume is mounted. */
  readonly precondition?: (signal: AbortSignal) => Promise<void>;
  readonly open?: Pick<OpenOptions, "needs" | "discards" | "requires">;
  /** When it has succeeded, a copy of the image is to be kept out of this machine's reach. */
  readonly keepsCheckpoint?: boolean;
}

/**
 * Brings the volume up, runs `work` on it, takes it down again.
 * @throws what `work` throws; a release that failed is thrown when `work` did not fail, and a warning when it did
 */
export async function withVolume<T>(
  host: Host,
  pins: PinStore,
  target: Target,
  options: AttachOptions,
  run: RunContext,
  work: (attached: Attached) => Promise<T>,
): Promise<T> {
  const { volume, pin } = target;
  const writing = options.mode === "write";
  const meanwhile = async (signal: AbortSignal) => {
    await options.precondition?.(signal);
    if (writing) await pins.write(volume.name, { ...pin, unclean: true });
  };
  const stack = new Stack(host, volume.name);
  let generation = pin.generation;
  const result = await withRelease(stack, run, async () => {
    const opened = await stack.open(target, options.mode, run, { ...options.open, meanwhile });
    if (writing) await finishKeyChange(new KeyChange(host, pins, target), opened, run);
    await stack.mount(target, opened, options.mode, run);
    const { filesDir } = stack.names;
    const [entries, identity] = await allOrFirstError(
      options.job === undefined ? Promise.resolve([]) : readJobDirectory(host, filesDir, options.job, opened.signal),
      readIdentity(host.exec, filesDir, opened.signal),
    );
    requireIdentity(identity, pin, volume.name, options.acceptRollback);
    if (writing && pin.pending === "grow") await growFilesystem(host, pin, opened, filesDir, run);
    // after an accepted rollback as well it is one that no copy of the image has had
    generation = writing ? Math.max(identity.generation, pin.generation) + 1 : identity.generation;
    const attached = { ...opened, filesDir, filesystem: filesystemKinds[pin.filesystem], entries, generation };
    if (!writing) return work({ ...attached, recordGeneration: () => Promise.resolve() });
    const either = new AbortController();
    const signal = AbortSignal.any([opened.signal, either.signal]);
    const failed = (error: unknown) => {
      either.abort(error);
      throw error;
    };
    let recorded: Promise<void> | undefined;
    const recordGeneration = () => {
      recorded ??= writeIdentity(host.exec, filesDir, { ...identity, generation }, signal).catch(failed);
      return recorded;
    };
    try {
      const done = await work({ ...attached, recordGeneration, signal }).catch(failed);
      const foundNothingToDo = recorded === undefined;
      await recordGeneration();
      if (foundNothingToDo) await syncFilesystem(host.exec, filesDir, signal);
      if (options.keepsCheckpoint === true) stack.keepCheckpoint();
      return done;
    } finally {
      // nothing is under way when the releases begin
      await recorded?.catch(() => undefined);
    }
  });
  // only now is the new generation sure to be on the backup host's disk
  if (writing) {
    await pins.write(volume.name, { ...settledByWriting(pin), generation, unclean: false });
    // of a shrink that was broken off: what was to be ended of it is
    await rm(movedBlocksFile(target.headerFile), { force: true });
  }
  if (!writing && generation !== pin.generation) {
    // a full or read-only disk here must not keep anybody from their files
    await pins
      .write(volume.name, { ...pin, generation })
      .catch((error: unknown) => run.warn(`the generation cannot be remembered: ${asLuksmithError(error).message}`));
  }
  return result;
}

/** The pinned header decides: what is not in the stored one yet keeps nobody from a backup. */
async function finishKeyChange(change: KeyChange, opened: Opened, run: RunContext): Promise<void> {
  try {
    await change.finish(opened, run);
  } catch (error) {
    opened.signal.throwIfAborted();
    run.warn(`a change of the keys is not finished yet: ${asLuksmithError(error).message}`);
  }
}

/** Runs `work`, then the releases as a step of their own; neither's error hides the other's. */
export async function withRelease<T>(stack: Stack, run: RunContext, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (thrown) {
    let error = thrown;
    try {
      await stack.aftermath.stopWriting(thrown);
      if (!run.signal.aborted) error = await stack.aftermath.rootCause(thrown);
    } catch (cause) {
      // nothing keeps the releases from being tried
      run.warn(`could not find out more: ${asLuksmithError(cause).message}`);
    }
    await run.step("detach", () => stack.release()).catch((left: Error) => run.warn(left.message));
    throw error;
  }
  await run.step("detach", () => stack.release());
  if (stack.aftermath.isImageGone) throw imageGone(stack.names);
  return result;
}

function imageGone({ volume }: StackNames): LuksmithError {
  return new LuksmithError("not_found", `the image of volume ${volume} was deleted on the backup host during the run`, {
    hint: "nothing of what the run did is kept; has it been moved there, or is there a copy",
  });
}
