/**
 * Room for discards. nbd-server 3.24 punches a hole for a discard at OFFSET that is no longer than SIZE - 2 x OFFSET: of an export's
 * second half nothing is given back, and of its first a part (seen by strace; LENGTH is right when it reaches less far than that). In
 * a file that is twice as large, all of the image is in the first half. The file is sparse: it takes no more of the disk.
 */

import type { FileHandle } from "node:fs/promises";

/**
 * @param below discards are for what is below this, in bytes
 * @returns the size that the image is to have again
 */
export async function makeDiscardRoom(image: FileHandle, below: number): Promise<number> {
  const { size } = await image.stat();
  const { room, restored } = discardRoom(size, below);
  if (room > size) await image.truncate(room);
  return restored;
}

/** What was written beyond it while it was exported goes. */
export async function takeDiscardRoom(image: FileHandle, restored: number): Promise<void> {
  const { size } = await image.stat();
  if (size <= restored) return;
  await image.truncate(restored);
  await image.sync();
}

/** Pure. A helper that was killed has left an image that is exactly twice as large: it gets its own size back by the next. */
export function discardRoom(size: number, below: number): { room: number; restored: number } {
  const room = Math.max(size, 2 * below);
  return { room, restored: size === 2 * below ? below : size };
}
