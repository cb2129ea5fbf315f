/**
 * Making a volume smaller: first the file system, then the pin, and with it the device; the image is cut last. At each moment what is
 * below is no smaller than what is above.
 *
 * btrfs does its part in transactions, mounted. Of ext4 what resize2fs does is kept apart until it is done: see moved-blocks.ts.
 */

import { rm } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import { filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext } from "../runs/context.ts";
import { type Attached, withRelease, withVolume } from "../stack/attach.ts";
import { recoverFilesystem } from "../stack/filesystem.ts";
import { forgetMoved, mergeMoved, writeApart } from "../stack/moved-blocks.ts";
import { type Opened, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { checkExt4 } from "../tools/ext4.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { cutImage } from "./cut-image.ts";
import { endPending } from "./end-pending.ts";
import { movedBlocksFile, type Pin, type PinStore } from "./pin.ts";
import { configSize, smallestImageBytes } from "./size-plan.ts";

/**
 * Says how small the volume can get, attached for reading.
 * @param bytes of the image, that are wanted
 * @throws {LuksmithError} "usage" when that is less; what `also` throws
 */
export async function measure(
  host: Host,
  pins: PinStore,
  target: Target,
  bytes: number,
  run: RunContext,
  also: (attached: Attached) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const { volume, pin } = target;
  const attach = { mode: "read", acceptRollback: false } as const;
  await withVolume(host, pins, target, attach, run, async (attached) => {
    const kind = filesystemKinds[pin.filesystem];
    const leastBytes = await kind.leastBytes(host.exec, attached.device, attached.filesDir, attached.signal);
    const smallest = smallestImageBytes(leastBytes, pin.dataOffsetBytes, kind);
    run.note(`the smallest size that volume ${volume.name} could have now is ${configSize(smallest)}`);
    if (bytes < pin.imageBytes && bytes < smallest) {
      throw new LuksmithError(
        "usage",
        `volume ${volume.name} cannot have ${formatBytes(bytes)}: with what is in it now it takes ${configSize(smallest)} at least`,
        {
          hint: `set volumes.${volume.name}.size to ${configSize(smallest)} or more, or remove snapshots first: luksmith prune`,
        },
      );
    }
    await also(attached);
  });
}

/**
 * Broken off at any step, the next call ends it, and what only reads or writes in the volume goes on with it as it is.
 * @param bytes of the image, less than it has
 * @throws {LuksmithError} "usage" before anything is touched, when what is in it takes more
 */
export async function shrinkVolume(
  host: Host,
  pins: PinStore,
  begun: Target,
  bytes: number,
  run: RunContext,
): Promise<void> {
  const target = await endPending(host, pins, begun, run);
  const { name } = target.volume;
  await measure(host, pins, target, bytes, run);
  // as the look at it has left it
  const pin: Pin = { ...(await pins.require(name)), unclean: true };
  const isMounted = filesystemKinds[pin.filesystem].shrinksMounted;
  await pins.write(name, pin);
  const shrinking = isMounted ? shrinkMounted : shrinkApart;
  await shrinking(host, pins, { ...target, pin }, bytes, run);
  const smaller: Pin = { ...pin, imageBytes: bytes, pending: "truncate" };
  await pins.write(name, smaller);
  await forgetMoved({ host, names: new Stack(host, name).names, file: movedBlocksFile(target.headerFile) });
  await cutImage(host, pins, { ...target, pin: smaller }, run);
}

async function shrinkMounted(
  host: Host,
  _pins: PinStore,
  target: Target,
  bytes: number,
  run: RunContext,
): Promise<void> {
  const { volume, pin } = target;
  const kind = filesystemKinds[pin.filesystem];
  const stack = new Stack(host, volume.name);
  await withRelease(stack, run, async () => {
    const opened = await stack.open(target, "write", run);
    await stack.mount(target, opened, "write", run);
    const { filesDir } = stack.names;
    const { device, signal } = opened;
    await run.step("shrink the file system", async () => {
      await kind.shrink(host.exec, { device, filesDir, bytes: bytes - pin.dataOffsetBytes }, signal);
      await syncFilesystem(host.exec, filesDir, signal);
    });
    await requireSmaller(host, target, opened, bytes);
  });
}

async function shrinkApart(host: Host, pins: PinStore, target: Target, bytes: number, run: RunContext): Promise<void> {
  const { volume, pin, headerFile } = target;
  const kind = filesystemKinds[pin.filesystem];
  const stack = new Stack(host, volume.name);
  const file = movedBlocksFile(headerFile);
  await withRelease(stack, run, async () => {
    const opened = await stack.open(target, "write", run);
    const { device, names, superblock, signal } = opened;
    if (superblock?.uuid !== pin.filesystemUuid) {
      throw new LuksmithError("tampered", "the image does not hold the file system of this volume");
    }
    const moved = { host, names, device, bytes: pin.imageBytes - pin.dataOffsetBytes, file };
    if (!superblock.clean) await recoverFilesystem(host, { device, names, pin }, signal);
    await run.step("check the file system", () => checkExt4(host.exec, device, "full", signal));
    await run.step("shrink the file system", () =>
      writeApart(
        moved,
        async (apart) => {
          const spec = { device: apart, filesDir: names.filesDir, bytes: bytes - pin.dataOffsetBytes };
          await kind.shrink(host.exec, spec, signal);
          // nothing of it reaches the volume before it is known to be whole
          await kind.look(host.exec, apart, signal);
        },
        signal,
      ),
    );
    // from now on it is ended, whoever opens the volume next
    await pins.write(volume.name, { ...pin, pending: "merge" });
    await run.step("write the moved blocks down", () => mergeMoved(moved, signal));
    await requireSmaller(host, target, opened, bytes);
  }).catch(async (error: unknown) => {
    if ((await pins.require(volume.name)).pending !== "merge") await rm(file, { force: true });
    throw error;
  });
}

/** The device below it is about to have no more than that. */
async function requireSmaller(
  { exec }: Host,
  { pin }: Target,
  { device, signal }: Opened,
  bytes: number,
): Promise<void> {
  const has = await filesystemKinds[pin.filesystem].bytes(exec, device, signal);
  if (has <= bytes - pin.dataOffsetBytes) return;
  throw new LuksmithError("tool_failed", `the file system still has ${formatBytes(has)}: the volume keeps its size`);
}
