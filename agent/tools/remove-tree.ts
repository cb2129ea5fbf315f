/** rm(1) of directory trees, by a child: it never leaves the file system that it began in, and follows no link. */

import { isUtf8 } from "node:buffer";
import { type Exec, mustRun } from "../../common/exec.ts";
import { wholeVolumeDeadlineMs } from "./deadlines.ts";

const rmArgs = ["--recursive", "--force", "--one-file-system", "--"] as const;
/** A fraction of what execve(2) takes at the least (ARG_MAX, 128 KiB). */
const mostArgumentBytes = 32 * 2 ** 10;

export async function removeTree(
  exec: Exec,
  path: string,
  signal?: AbortSignal,
  deadlineMs: number = wholeVolumeDeadlineMs,
): Promise<void> {
  await mustRun(exec, { file: "rm", args: [...rmArgs, path], deadlineMs, signal });
}

/**
 * Names that are text, and not too many, are rm's arguments; xargs passes on what Node cannot say: any bytes, any number.
 * @param paths absolute, in an attached volume and nowhere else, since it does not die with us; each with a NUL behind it
 */
export async function removeTrees(exec: Exec, paths: Buffer, signal: AbortSignal): Promise<void> {
  const plain = paths.length <= mostArgumentBytes && isUtf8(paths);
  const command = plain
    ? { file: "rm", args: [...rmArgs, ...paths.toString("utf8").split("\0").slice(0, -1)] }
    : { file: "xargs", args: ["--null", "--", "rm", ...rmArgs], stdin: paths };
  await mustRun(exec, { ...command, brief: true, deadlineMs: wholeVolumeDeadlineMs, signal });
}
