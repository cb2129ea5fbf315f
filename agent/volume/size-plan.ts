/** Whether a volume may have another size. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import type { Growth, VolumeConfig } from "../config/volume.ts";
import type { FilesystemKind } from "../filesystem/kind.ts";
import type { HostRoom } from "../transport/transport.ts";
import type { Pin } from "./pin.ts";

const mebi = 2 ** 20;
/** The tools' figures are estimates, and a file system needs room to move in. */
const leastMarginBytes = 16 * mebi;
const marginFactor = 0.05;

/** As it is written in the configuration, rounded up. */
export function configSize(bytes: number): string {
  return `${Math.ceil(bytes / mebi)}M`;
}

type Least = Pick<FilesystemKind, "leastImageBytes" | "leastResizedBytes">;

/**
 * The smallest image that a volume could be given.
 * @param leastBytes of the file system, as its tools say: what is in it takes that
 */
export function smallestImageBytes(leastBytes: number, dataOffsetBytes: number, kind: Least): number {
  const margin = Math.max(leastMarginBytes, leastBytes * marginFactor);
  const needed = Math.ceil((dataOffsetBytes + leastBytes + margin) / mebi) * mebi;
  return Math.max(kind.leastImageBytes, dataOffsetBytes + kind.leastResizedBytes, needed);
}

/** Why an image is not to be made larger to so many bytes; undefined when it can be, or has them. */
export function tooSmallToGrow(
  volume: string,
  bytes: number,
  { imageBytes, dataOffsetBytes, filesystem }: Pick<Pin, "imageBytes" | "dataOffsetBytes" | "filesystem">,
  kind: Pick<Least, "leastResizedBytes">,
): LuksmithError | undefined {
  const least = dataOffsetBytes + kind.leastResizedBytes;
  if (bytes <= imageBytes || bytes >= least) return undefined;
  return new LuksmithError(
    "usage",
    `${filesystem} cannot be made larger to less than ${formatBytes(kind.leastResizedBytes)}`,
    {
      hint: `set volumes.${volume}.size to ${configSize(least)} or more`,
    },
  );
}

/** Of the image: as the configuration says. One that has grown by itself is as large as it is to be. */
export function wantedBytes({ sizeBytes, growth }: VolumeConfig, pin: Pick<Pin, "imageBytes"> | undefined): number {
  return growth === undefined ? sizeBytes : Math.max(sizeBytes, pin?.imageBytes ?? 0);
}

/**
 * How large a volume becomes that grows by itself: by whole steps, as many as it takes.
 * @param missingBytes of room in it; 0 when that is not known
 * @returns undefined when it is as large as it may become
 */
export function nextBytes(bytes: number, missingBytes: number, { stepBytes, limitBytes }: Growth): number | undefined {
  const steps = Math.max(1, Math.ceil(missingBytes / stepBytes));
  const next = Math.min(limitBytes, bytes + steps * stepBytes);
  return next > bytes ? next : undefined;
}

/** What an image is to become. */
export interface WantedImage {
  readonly volume: string;
  readonly remote: string;
  /** Of the image, as it is to be. */
  readonly bytes: number;
  /** What it takes on the host's disk now. */
  readonly allocatedBytes: number;
  /** More may be promised than the host has: the image is sparse. */
  readonly overcommit: boolean;
}

/** Why the host has no room for an image of this size; undefined when it has, as far as it says. */
export function noRoom(wanted: WantedImage, { freeBytes, mostImageBytes }: HostRoom): LuksmithError | undefined {
  const { volume, remote, bytes, allocatedBytes, overcommit } = wanted;
  if (mostImageBytes !== undefined && bytes > mostImageBytes) {
    const hint = `set volumes.${volume}.size to ${Math.floor(mostImageBytes / mebi)}M at the most, or have maxImageSize raised in helper.yaml there`;
    return new LuksmithError("full", `${remote} allows this machine images of ${formatBytes(mostImageBytes)}`, {
      hint,
    });
  }
  const more = bytes - allocatedBytes;
  if (overcommit || freeBytes === undefined || more <= freeBytes) return undefined;
  const most = Math.floor((allocatedBytes + freeBytes) / mebi);
  return new LuksmithError(
    "full",
    `an image of ${formatBytes(bytes)} can come to take ${formatBytes(more)} more on ${remote}, which has ${formatBytes(freeBytes)} left`,
    {
      hint: `set volumes.${volume}.size to ${most}M at the most, or make room there; if it will be there in time: luksmith volume resize ${volume} --overcommit`,
    },
  );
}
