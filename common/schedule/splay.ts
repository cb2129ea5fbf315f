/** Where within the splay a machine begins: always at the same moment, and each machine at another one. */

import { createHash } from "node:crypto";

const bytes = 6;

/** @param who the machine, and what it begins @returns 0 to `splayMs`, this excluded */
export function splayOffset(splayMs: number, who: readonly string[]): number {
  const hash = createHash("sha256").update(JSON.stringify(who)).digest();
  return Math.floor((hash.readUIntBE(0, bytes) / 2 ** (8 * bytes)) * splayMs);
}
