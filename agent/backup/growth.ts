/** A volume that grows by itself when a backup would fill it. */

import { asLuksmithError, LuksmithError, type LuksmithErrorOptions } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import type { RunContext } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "../volume/pin.ts";
import { growVolume } from "../volume/resize.ts";
import { nextBytes } from "../volume/size-plan.ts";

/** The file system in the volume has no room; of the backup host's it says nothing. */
export class VolumeFullError extends LuksmithError {
  /** About how much more it takes; 0 when that is not known. */
  readonly missingBytes: number;

  constructor(message: string, missingBytes: number, options: LuksmithErrorOptions) {
    super("full", message, options);
    this.missingBytes = missingBytes;
  }
}

/**
 * Runs `work`, and once more each time that the volume was full and has grown. An image that is in use cannot be given another size
 * everywhere, so it is taken down for that: what was copied is there, and the next attempt goes on with it.
 * @throws what `work` throws; "full" when the volume may not grow, or the backup host has no room for that
 */
export async function withGrowth<T>(
  host: Host,
  pins: PinStore,
  target: Target,
  run: RunContext,
  work: (target: Target) => Promise<T>,
): Promise<T> {
  const { growth, name } = target.volume;
  if (growth === undefined) return await work(target);
  for (let current = target; ; ) {
    try {
      return await work(current);
    } catch (error) {
      if (!(error instanceof VolumeFullError) || run.signal.aborted) throw error;
      const { imageBytes } = current.pin;
      const bytes = nextBytes(imageBytes, error.missingBytes, growth);
      if (bytes === undefined) throw atLimit(error, name, growth.limitBytes);
      const how = `from ${formatBytes(imageBytes)} to ${formatBytes(bytes)}, of ${formatBytes(growth.limitBytes)} at the most`;
      run.note(`volume ${name} is full and grows ${how}; the run then goes on where it was`);
      current = { ...current, pin: await pins.require(name) };
      const pin = await growVolume(host, pins, current, { bytes, overcommit: false }, run).catch((cause: unknown) => {
        throw cannotGrow(cause, name);
      });
      current = { ...current, pin };
    }
  }
}

function atLimit({ message, cause }: VolumeFullError, name: string, limitBytes: number): LuksmithError {
  return new LuksmithError("full", `${message}; it is at its limit of ${formatBytes(limitBytes)}`, {
    hint: `raise volumes.${name}.size.auto.limit, or make room: luksmith prune`,
    cause,
  });
}

function cannotGrow(cause: unknown, name: string): LuksmithError {
  const { code, message, hint } = asLuksmithError(cause);
  if (code !== "full") return asLuksmithError(cause);
  return new LuksmithError("full", `volume ${name} is full and cannot grow: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}
