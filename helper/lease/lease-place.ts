/** Leases beside an image, read as files that a machine can put there: nothing is opened that is no regular file of its own. */

import { constants } from "node:fs";
import { open, unlink } from "node:fs/promises";
import type { Clock } from "../../common/clock.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { type ForeignLease, judgeLease, parseLease } from "../../common/lease-file.ts";
import { formatDuration } from "../../common/units.ts";
import { at, type ImagePlace, type MachineDirectory, type Owner } from "../storage/machine-directory.ts";

const { O_NOFOLLOW, O_RDONLY } = constants;
/** See open(2); of asm-generic/fcntl.h. */
const O_PATH = 0o10000000;
const mostBytes = 4096;

export interface FoundLease extends ForeignLease {
  readonly name: string;
  /** By this host's clock, in seconds since 1970. */
  readonly writtenSeconds: number;
  readonly dev: number;
  readonly ino: number;
}

export function leaseName(image: string): string {
  return `${image}.lease`;
}

/** @returns undefined when there is none */
export async function readLease(place: ImagePlace, name: string, owner: Owner): Promise<FoundLease | undefined> {
  try {
    await using seen = await open(at(place, name), O_PATH | O_NOFOLLOW);
    const stat = await seen.stat();
    const { dev, ino, mtimeMs } = stat;
    const writtenSeconds = mtimeMs / 1000;
    const isFile = stat.isFile() && stat.uid === owner.uid;
    const text = isFile ? await contentOf(`/proc/self/fd/${seen.fd}`) : undefined;
    return { ...parseLease(text, writtenSeconds), name, writtenSeconds, dev, ino };
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** For work on an image that nobody has attached. @throws {LuksmithError} "locked" while there is a lease that is valid */
export async function requireNoLease(directory: MachineDirectory, image: string, clock: Clock): Promise<void> {
  await using place = await directory.place(image);
  const found = await readLease(place, leaseName(place.name), directory.owner);
  if (found === undefined) return;
  const verdict = judgeLease(found.writtenSeconds, clock.now().getTime() / 1000, found.leaseMs);
  if (verdict.state === "valid") throw inUse(found, `for another ${formatDuration(verdict.forMs)}`);
}

/** Whoever has it. */
export async function removeLease(directory: MachineDirectory, image: string): Promise<void> {
  await using place = await directory.place(image);
  await unlink(at(place, leaseName(place.name))).catch((error: unknown) => {
    if (!hasErrno(error, "ENOENT")) throw error;
  });
}

/** Whether there is a lease with one of these tokens. */
export async function isLeasedBy(
  directory: MachineDirectory,
  image: string,
  tokens: readonly string[],
): Promise<boolean> {
  await using place = await directory.place(image);
  const found = await readLease(place, leaseName(place.name), directory.owner);
  return found?.token !== undefined && tokens.includes(found.token);
}

export function inUse({ owner }: ForeignLease, how: string): LuksmithError {
  return new LuksmithError("locked", `the image is in use: ${owner} has it ${how}`, {
    hint: "wait until it is done there; a lease whose machine is gone expires by itself",
  });
}

async function contentOf(path: string): Promise<string> {
  await using file = await open(path, O_RDONLY);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
  return buffer.toString("utf8", 0, bytesRead);
}
