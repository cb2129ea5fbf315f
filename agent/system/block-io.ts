/** What a block device has under way, and how much it has finished. Source: Documentation/block/stat.rst */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { hasErrno } from "../../common/errors.ts";

/** Of the kernel's figures, whatever the device's are. */
const sectorBytes = 512;

export interface BlockIo {
  readonly inFlight: number;
  /** Since the device was set up: reads, writes, discards and flushes. */
  readonly completed: number;
  /** Of them, reads, and the sum of the milliseconds that each has taken. */
  readonly reads: number;
  readonly readMs: number;
  readonly readBytes: number;
}

/** @param path "/dev/dm-3" @returns undefined when there is no such device any more */
export async function blockIo(path: string): Promise<BlockIo | undefined> {
  try {
    return parseBlockStat(await readFile(`/sys/block/${basename(path)}/stat`, "utf8"));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENODEV")) return undefined;
    throw error;
  }
}

/** Four figures each of reads and writes, then in_flight and two times, four of discards, two of flushes (Linux 5.5). */
export function parseBlockStat(text: string): BlockIo {
  const fields = text.trim().split(/\s+/).map(Number);
  const at = (index: number) => fields[index] ?? 0;
  return {
    inFlight: at(8),
    completed: at(0) + at(4) + at(11) + at(15),
    reads: at(0),
    readMs: at(3),
    readBytes: at(2) * sectorBytes,
  };
}
