/** How long it would take to restore everything, by what a part of it took. Pure. */

import type { SampleSize } from "../verify/sample.ts";

/**
 * Time goes by files as well as by bytes; of the two that which is the further from done counts.
 * @returns milliseconds; undefined when the part was nothing
 */
export function projectMs(elapsedMs: number, part: SampleSize, all: SampleSize): number | undefined {
  if (part.files === 0) return undefined;
  const byFiles = all.files / part.files;
  const byBytes = part.bytes === 0 ? 1 : all.bytes / part.bytes;
  return Math.round(elapsedMs * Math.max(1, byFiles, byBytes));
}
