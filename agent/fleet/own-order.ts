/**
 * In which order a machine tries the addresses that it was told. Each machine has another one, always the same: of several controllers none
 * has the whole fleet, and the machines of one that is away come evenly to all that are left. Pure.
 * Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998 ("rendezvous hashing")
 */

import { createHash } from "node:crypto";

/** Whatever order they are listed in. */
export function ownOrder(addresses: readonly string[], machineId: string): readonly string[] {
  const drawn = [...new Set(addresses)].map((address) => ({ address, lot: lotOf(machineId, address) }));
  return drawn.toSorted((a, b) => (a.lot < b.lot ? -1 : 1)).map(({ address }) => address);
}

function lotOf(machineId: string, address: string): string {
  return createHash("sha256").update(`${machineId} ${address}`).digest("hex");
}
