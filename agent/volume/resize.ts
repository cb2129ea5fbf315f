/**
 * Giving a volume the size that the configuration says.
 *
 * Growing: first the image, then the pin, and with it the device; the file system last. What is below may be larger than what is
 * above, never smaller, so that an interruption leaves a volume that works; the pin remembers what is still to be done. Shrinking goes
 * the other way about: see shrink.ts.
 */

import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import { filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { withRelease } from "../stack/attach.ts";
import { type Connected, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { endPending } from "./end-pending.ts";
import { growFilesystem } from "./grow-filesystem.ts";
import { readIdentity, requireIdentity } from "./identity.ts";
import { type Pin, type PinStore, settled } from "./pin.ts";
import { measure, shrinkVolume } from "./shrink.ts";
import { configSize, noRoom, tooSmallToGrow, wantedBytes } from "./size-plan.ts";

export interface ResizeOptions {
  readonly dryRun: boolean;
  /** A configured size that is smaller than the volume is meant so. */
  readonly shrink: boolean;
  /** More than the host has room for now is wanted all the same. */
  readonly overcommit: boolean;
}

/** @throws {LuksmithError} "usage" when the configuration asks for less than there is, "full" when the host has no room for it */
export async function resizeVolume(
  host: Host,
  pins: PinStore,
  target: Target,
  options: ResizeOptions,
  run: RunContext,
): Promise<RunResult> {
  const { name } = target.volume;
  const { imageBytes } = target.pin;
  const sizeBytes = wantedBytes(target.volume, target.pin);
  if (options.dryRun) return dryRun(host, pins, target, options, run);
  if (sizeBytes < imageBytes) {
    if (!options.shrink) throw notAsked(target);
    await shrinkVolume(host, pins, target, sizeBytes, run);
    return {
      state: "done",
      summary: `volume ${name} shrank from ${formatBytes(imageBytes)} to ${formatBytes(sizeBytes)}`,
    };
  }
  if (target.pin.pending === "truncate" && sizeBytes === imageBytes) await endPending(host, pins, target, run);
  else await growVolume(host, pins, target, { bytes: sizeBytes, overcommit: options.overcommit }, run);
  const change = sizeBytes === imageBytes ? "has" : `grew from ${formatBytes(imageBytes)} to`;
  return { state: "done", summary: `volume ${name} ${change} ${formatBytes(sizeBytes)}` };
}

function notAsked({ volume: { name, sizeBytes }, pin: { imageBytes } }: Target): LuksmithError {
  return new LuksmithError(
    "usage",
    `volume ${name} has ${formatBytes(imageBytes)}, and the configuration says ${formatBytes(sizeBytes)}: it is not made smaller without being asked for`,
    {
      hint: `how small it can get: luksmith volume resize ${name} --dry-run; then luksmith volume resize ${name} --shrink, or set volumes.${name}.size to ${configSize(imageBytes)}`,
    },
  );
}

/**
 * Interrupted at any step, it is ended by the next call, or by the next run that writes.
 * @param growth.bytes of the image, no less than it has
 * @returns what is pinned then
 * @throws {LuksmithError} "full" before anything is touched, when the host has no room for it
 */
export async function growVolume(
  host: Host,
  pins: PinStore,
  begun: Target,
  growth: { readonly bytes: number; readonly overcommit: boolean },
  run: RunContext,
): Promise<Pin> {
  const { bytes } = growth;
  requireGrowable(begun, bytes);
  const target = await endPending(host, pins, begun, run);
  const { name } = target.volume;
  const pin: Pin = { ...target.pin, imageBytes: bytes, unclean: true, pending: "grow" };
  const grown = { ...target, pin };
  const stack = new Stack(host, name);
  await withRelease(stack, run, async () => {
    const prepareImage = (connected: Connected) =>
      run.step("make the image larger", async () => {
        await requireRoom(connected, target, growth);
        await connected.image.grow(bytes, connected.signal);
      });
    const opened = await stack.open(grown, "write", run, { prepareImage });
    // a file system smaller than its device is harmless, a larger one is not: the pin goes first
    await run.step("pin the size", () => pins.write(name, pin));
    await stack.mount(grown, opened, "write", run);
    const { filesDir } = stack.names;
    requireIdentity(await readIdentity(host.exec, filesDir, opened.signal), pin, name, false);
    await growFilesystem(host, pin, opened, filesDir, run);
  });
  const done = { ...settled(pin), unclean: false };
  await pins.write(name, done);
  return done;
}

/** @throws {LuksmithError} "usage" */
function requireGrowable({ volume: { name }, pin }: Target, bytes: number): void {
  const fault = tooSmallToGrow(name, bytes, pin, filesystemKinds[pin.filesystem]);
  if (fault !== undefined) throw fault;
}

async function requireRoom(
  { image, signal }: Pick<Connected, "image" | "signal">,
  { volume, remote, pin }: Target,
  { bytes, overcommit }: { bytes: number; overcommit: boolean },
): Promise<void> {
  if (bytes <= pin.imageBytes) return;
  const [stat, room] = await Promise.all([image.stat(signal), image.room(signal)]);
  const allocatedBytes = stat?.allocatedBytes ?? 0;
  const fault = noRoom({ volume: volume.name, remote: remote.name, bytes, allocatedBytes, overcommit }, room);
  if (fault !== undefined) throw fault;
}

/** What would be done, whether it can be, and how small the volume could get; nothing is written. */
async function dryRun(
  host: Host,
  pins: PinStore,
  target: Target,
  { overcommit }: ResizeOptions,
  run: RunContext,
): Promise<RunResult> {
  const { volume, pin } = target;
  const { name } = volume;
  const bytes = wantedBytes(volume, pin);
  requireGrowable(target, bytes);
  await measure(host, pins, target, bytes, run, (attached) => requireRoom(attached, target, { bytes, overcommit }));
  const how = bytes < pin.imageBytes ? "shrink" : "grow";
  const would = bytes === pin.imageBytes ? "has" : `would ${how} from ${formatBytes(pin.imageBytes)} to`;
  return { state: "done", summary: `volume ${name} ${would} ${formatBytes(bytes)}` };
}
