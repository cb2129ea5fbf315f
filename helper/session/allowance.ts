/** How what is left of an allowance stands in a file, so that the next session has no more. */

import type { Allowance, Rate } from "../../common/allowance.ts";

/** As it stands in a file: always as long, so that it is written over in place. */
export function renderAllowance({ left, sinceMs }: Allowance): string {
  return `${left.toFixed(3)} ${Math.round(sinceMs)}`.padEnd(fileBytes - 1).concat("\n");
}

/** @returns a full one for what cannot be read, such as a file that has just been made */
export function parseAllowance(text: string, { atOnce }: Rate, nowMs: number): Allowance {
  const [, left, sinceMs] = /^(-?\d+(?:\.\d+)?) (\d+) *\n/.exec(text) ?? [];
  if (left === undefined || sinceMs === undefined) return { left: atOnce, sinceMs: nowMs };
  return { left: Number(left), sinceMs: Number(sinceMs) };
}

export const fileBytes = 64;
