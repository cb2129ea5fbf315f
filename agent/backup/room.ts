/** How much is missing when a volume is full. */

import { type Exec, mustRead } from "../../common/exec.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";

/** Bytes that can still be written. Source: df(1) --output=avail */
export async function freeBytes(exec: Exec, filesDir: string, signal: AbortSignal): Promise<number> {
  const args = ["--block-size=1", "--output=avail", "--", filesDir];
  const said = await mustRead(exec, { file: "df", args, deadlineMs: volumeDeadlineMs, signal });
  return Number(said.toString().trim().split("\n").at(-1));
}

/** Beside the files themselves: inodes, directories, the blocks' uneven ends. */
const overheadFactor = 1.05;
const overheadBytes = 1 << 20;

/** Pure: the room that so many bytes of files take. */
export function neededBytes(bytesLeft: number): number {
  return Math.ceil(bytesLeft * overheadFactor) + overheadBytes;
}

/** Pure: what has to be added so that `bytesLeft` more fit, at least. */
export function missingBytes(bytesLeft: number, free: number): number {
  return Math.max(neededBytes(bytesLeft) - free, overheadBytes);
}
