/** fstrim(8) of util-linux: a mounted file system tells its device which blocks it does not use. */

import { type Exec, mustRead } from "../../common/exec.ts";
import { wholeVolumeDeadlineMs } from "./deadlines.ts";

export interface TrimRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Of a file system that has been synced: what was removed and is not committed yet counts as used.
 * @returns how much it has told the device of, which says nothing of what became of it
 */
export async function trimFilesystem(
  exec: Exec,
  filesDir: string,
  { offset, length }: TrimRange,
  signal: AbortSignal,
): Promise<number> {
  const args = ["--verbose", "--offset", `${offset}`, "--length", `${length}`, "--", filesDir];
  const said = await mustRead(exec, { file: "fstrim", args, deadlineMs: wholeVolumeDeadlineMs, signal });
  // "/mnt: 268.8 MiB (281870336 bytes) trimmed"
  return Number(/\((\d+) bytes\) trimmed/.exec(said.toString())?.[1] ?? 0);
}
