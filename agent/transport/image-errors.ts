/** What can be wrong with an image on the backup host, whatever it is reached by. Pure. */

import { basename } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";

/** What is left in blocks that are too few for a write is no room. */
const littleBytes = 2 ** 20;
/** Of a run that a host without room has ended. */
export const whatStays = "finished snapshots are as they were, and the next run goes on where this one was";

/** @param image its name, or a path that ends in it */
export function imageExists(remote: string, image: string): LuksmithError {
  return new LuksmithError("exists", `there is an image ${basename(image)} on ${remote} already`, {
    hint: "luksmith never overwrites one: choose another name, or move it away on the backup host",
  });
}

export function noImage(remote: string, image: string): LuksmithError {
  return new LuksmithError("not_found", `there is no image ${image} on ${remote}`, {
    hint: "has it been moved or deleted on the backup host",
  });
}

/** @param what it is or does that it should not */
export function notTheImage(remote: string, image: string, what: string): LuksmithError {
  return new LuksmithError("tampered", `the image ${image} on ${remote} ${what}`, {
    hint: "look at it on the backup host; nothing was opened",
  });
}

/** @throws {LuksmithError} "tampered" when the host shows less than there was */
export function requireBytes(remote: string, image: string, found: number, expected: number): void {
  if (found >= expected) return;
  const how = `has been truncated: ${formatBytes(found)} are there of ${formatBytes(expected)}`;
  throw notTheImage(remote, image, how);
}

/** Of a host that has room. */
export function takesNoData(remote: string, volume: string, hint: string): LuksmithError {
  const message = `the backup host takes no more data for volume ${volume}, although ${remote} has room`;
  return new LuksmithError("full", message, { hint });
}

/** @returns undefined when there is room */
export function fullHost(remote: string, freeBytes: number): LuksmithError | undefined {
  if (freeBytes >= littleBytes) return undefined;
  return new LuksmithError("full", `the backup host is full: ${remote} has ${formatBytes(freeBytes)} left`, {
    hint: `make room on ${remote}; ${whatStays}`,
  });
}
